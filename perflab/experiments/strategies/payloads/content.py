"""What the API answers with: history in real English and artefacts of real code, the same in every arm.

Random or repeated text would compress as nothing in use does. The texts are those that every Python carries: its
language reference (English with technical terms) and the source of its standard library.
"""

from __future__ import annotations

import ast
import inspect
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path

from perflab.experiments.strategies.experiment import Target

SESSIONS, TURNS, ARTEFACTS = 20, 40, 12
SOURCES = ("textwrap", "heapq", "statistics", "difflib", "fractions", "configparser", "csv", "shlex", "calendar")
WHEN_MS = 1_700_000_000_000
HISTORY = "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, 'ok', ?)"
SESSION = "INSERT INTO sessions VALUES (?, ?, 'assistant', 'closed', ?, ?, ?)"
ARTEFACT = "INSERT INTO artefacts VALUES (?, ?, ?, ?, 'python', ?, ?, ?)"


@lru_cache(maxsize=1)
def paragraphs() -> tuple[str, ...]:
    """Return paragraphs of 60 to 500 characters from Python's language reference, about as long as what is said."""
    from pydoc_data.topics import topics

    found = (" ".join(part.split()) for text in topics.values() for part in text.split("\n\n"))
    return tuple(text for text in found if 60 <= len(text) <= 500)


@lru_cache(maxsize=1)
def functions() -> tuple[str, ...]:
    """Return functions and classes of 400 to 4,000 characters from the standard library's source."""
    found: list[str] = []
    for name in SOURCES:
        source = inspect.getsource(import_module(name))
        defined = (n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef | ast.ClassDef))
        found += [ast.get_source_segment(source, node) or "" for node in defined]
    return tuple(code for code in found if 400 <= len(code) <= 4000)


async def fill(target: Target) -> None:
    """Write the sessions into the started system's SQLite file, beside what it writes itself."""
    fill_file(target.running.trial_dir / "gateway.sqlite")


def fill_file(path: Path) -> None:
    """Write the sessions into a file that has the gateway's tables; done before, it changes nothing."""
    texts, codes = cycle(paragraphs()), cycle(functions())
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        if connection.execute("SELECT 1 FROM sessions WHERE id = 1").fetchone():
            return
        for session in range(1, SESSIONS + 1):
            stamp = WHEN_MS + 1000 * session
            connection.execute(SESSION, (session, f"user {session}", TURNS, stamp, stamp + 60_000 * TURNS))
            connection.executemany(HISTORY, _history(session, islice(texts, 2 * TURNS), stamp))
            rows = enumerate(islice(codes, ARTEFACTS))
            connection.executemany(
                ARTEFACT,
                [
                    ((session - 1) * ARTEFACTS + n + 1, session, n, next(texts), code, next(texts), stamp + n)
                    for n, code in rows
                ],
            )


def _history(session: int, texts: Iterator[str], stamp: int) -> Iterator[tuple[object, ...]]:
    for number, text in enumerate(texts):
        turn, side = divmod(number, 2)
        size = 64 * len(text) * (16 if side == 0 else 24)  # what so much text takes when it is spoken
        row = (session - 1) * 2 * TURNS + number + 1
        yield row, session, turn + 1, ("user", "model")[side], text, size, stamp + 60_000 * turn
