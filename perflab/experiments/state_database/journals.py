"""Readers beside a writer in SQLite: the rollback journal against the write-ahead log, every commit synced."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

JOURNALS = ("DELETE", "WAL")
PAUSE_S = 0.002


@dataclass(frozen=True)
class Beside:
    """What a reader and a writer saw of each other, in milliseconds from request to answer."""

    journal: str
    read: np.ndarray
    write: np.ndarray

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {"journal": self.journal, "reads": len(self.read), "read p50 (ms)": _q(self.read, 0.5),
                "read p99 (ms)": _q(self.read, 0.99), "writes": len(self.write), "write p50 (ms)": _q(self.write, 0.5),
                "write p99 (ms)": _q(self.write, 0.99)}  # fmt: skip


def beside_each_other(folder: Path, seconds: float) -> tuple[Beside, ...]:
    """Let one thread read and one commit for `seconds` under each journal, on a fresh file each."""
    return tuple(_measured(folder / f"journal-{journal}.sqlite", journal, seconds) for journal in JOURNALS)


def _measured(path: Path, journal: str, seconds: float) -> Beside:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("CREATE TABLE state (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO state VALUES (?, ?)", ((i, "x" * 200) for i in range(2000)))
    took: dict[str, list[float]] = {"read": [], "write": []}
    until = time.monotonic() + seconds
    writer = threading.Thread(target=_write, args=(path, until, took["write"]))
    writer.start()
    _read(path, until, took["read"])
    writer.join()
    return Beside(journal, np.array(took["read"]), np.array(took["write"]))


def _read(path: Path, until: float, took: list[float]) -> None:
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        while time.monotonic() < until:
            began = time.perf_counter()
            connection.execute("SELECT text FROM state WHERE id = ?", (len(took) % 2000,)).fetchone()
            took.append(1e3 * (time.perf_counter() - began))
            time.sleep(PAUSE_S)


def _write(path: Path, until: float, took: list[float]) -> None:
    with closing(sqlite3.connect(path, timeout=10)) as connection:
        connection.execute("PRAGMA synchronous = full")
        while time.monotonic() < until:
            began = time.perf_counter()
            with connection:
                connection.execute("UPDATE state SET text = ? WHERE id = ?", ("y" * 200, len(took) % 2000))
            took.append(1e3 * (time.perf_counter() - began))
            time.sleep(PAUSE_S)


def _q(values: np.ndarray, q: float) -> float:
    return round(float(np.quantile(values, q)), 3)


def journal_sentence(seen: tuple[Beside, ...]) -> str:
    """Say what the write-ahead log does to readers and to commits."""
    old, log = (one.row() for one in seen)
    return (
        f"Beside a writer a read has a p99 of {old['read p99 (ms)']:.2f} ms under the rollback journal "
        f"(n = {old['reads']}) and {log['read p99 (ms)']:.2f} ms under the write-ahead log (n = {log['reads']}); a "
        f"commit takes {old['write p50 (ms)']:.1f} and {log['write p50 (ms)']:.1f} ms at the median. One run each: "
        "no interval."
    )
