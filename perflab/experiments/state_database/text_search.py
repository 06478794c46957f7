"""Full-text search: reading every text, or an inverted index of words, in both engines."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, timed, timed_async
from perflab.experiments.state_database.laboratory import Laboratory

VOCABULARY, WORDS, SEARCHES, SHARE = 5000, 18, 10, 10  # a document for each SHARE rows of the place
LIKE = "SELECT id FROM documents WHERE ' ' || text || ' ' LIKE {mark} ORDER BY id DESC LIMIT 10"
VECTOR = (
    "SELECT id FROM documents WHERE to_tsvector('simple', text) @@ to_tsquery('simple', $1) ORDER BY id DESC LIMIT 10"
)
MATCH = "SELECT rowid FROM searched WHERE searched MATCH ? ORDER BY rowid DESC LIMIT 10"


def word(number: int) -> str:
    """Return a word of the vocabulary; no word is part of another."""
    return f"w{number:04d}"


def documents(count: int) -> list[tuple[int, str]]:
    """Return texts whose words follow Zipf's law, the same for each engine."""
    rng = np.random.default_rng(15)
    weights = 1 / np.arange(1, VOCABULARY + 1)
    drawn = rng.choice(VOCABULARY, size=(count, WORDS), p=weights / weights.sum())
    return [(i, " ".join(word(number) for number in row)) for i, row in enumerate(drawn.tolist())]


def _searched(lab: Laboratory, rng: np.random.Generator) -> list[str]:
    numbers = rng.integers(100, VOCABULARY, size=lab.operations(SEARCHES)).tolist()
    return [word(number) for number in numbers]  # not the commonest


def in_postgres(lab: Laboratory) -> Contest:
    """Look for a word with LIKE and with a GIN index of the words."""
    lab.execute("DROP TABLE IF EXISTS documents", "CREATE TABLE documents (id BIGINT PRIMARY KEY, text TEXT)")
    connection = lab.connect()
    lab.run(connection.copy_records_to_table("documents", records=documents(lab.place.rows // SHARE)))
    lab.execute("CREATE INDEX by_word ON documents USING gin (to_tsvector('simple', text))", "ANALYZE documents")
    like = LIKE.format(mark="$1")

    def scan(rng: np.random.Generator) -> Done:
        return lab.run(timed_async(_searched(lab, rng), lambda w: connection.fetch(like, f"% {w} %")))

    def index(rng: np.random.Generator) -> Done:
        return lab.run(timed_async(_searched(lab, rng), lambda w: connection.fetch(VECTOR, w)))

    return Contest(
        key="text-postgres", strategy="ST-STATE-15", title="full-text search in PostgreSQL", pids=lab.postgres,
        condition=f"{lab.place.rows // SHARE:,} texts of {WORDS} words, the newest ten with a word",
        ways={"LIKE": scan, "GIN index of the words": index},
        plans={"LIKE": lab.plan(like.replace("$1", "'% w0500 %'")),
               "GIN index of the words": lab.plan(VECTOR.replace("$1", "'w0500'"))},
        facts={"GIN index of the words": f"index of {lab.megabytes('by_word')} in {lab.megabytes('documents')}"},
        price="the index and its upkeep at every write; words, not parts of words",
        turns="very common words; short tables",
    )  # fmt: skip


def in_sqlite(lab: Laboratory) -> Contest:
    """Look for a word with LIKE and with FTS5."""
    connection = sqlite3.connect(lab.place.sqlite.with_name("texts.sqlite"))
    texts = documents(lab.place.rows // SHARE)
    with connection:
        connection.execute("PRAGMA synchronous = off")
        connection.executescript("DROP TABLE IF EXISTS documents; DROP TABLE IF EXISTS searched;")
        connection.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("CREATE VIRTUAL TABLE searched USING fts5(text)")
        connection.executemany("INSERT INTO documents VALUES (?, ?)", texts)
        connection.executemany("INSERT INTO searched (rowid, text) VALUES (?, ?)", texts)
    like = LIKE.format(mark="?")

    def way(sql: str, asked: str) -> Callable[[np.random.Generator], Done]:
        def one(w: str) -> list[Any]:
            return connection.execute(sql, (asked.format(w),)).fetchall()

        return lambda rng: timed(_searched(lab, rng), one)

    def plan(sql: str) -> str:
        return "; ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ("w0500",)))

    return Contest(
        key="text-sqlite", strategy="ST-STATE-15", title="full-text search in SQLite",
        condition=f"{len(texts):,} texts of {WORDS} words, the newest ten with a word",
        ways={"LIKE": way(like, "% {} %"), "FTS5": way(MATCH, '"{}"')}, plans={"LIKE": plan(like), "FTS5": plan(MATCH)},
        price="a second copy of the texts beside the index, unless it is kept without content",
        turns="very common words; short tables",
    )  # fmt: skip
