"""Read binary row logs (perflab.wire.rowlog) of load workers and stand-ins into frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from perflab.errors import RunCorrupt, UsageError
from perflab.wire.marks import MARK_COUNT
from perflab.wire.rowlog import KINDS, OUTCOMES, ROW, ROW_FIELDS

_DTYPE = np.dtype(list(ROW_FIELDS))
RAW_MARKS = tuple(f"mark{i}_ns" for i in range(MARK_COUNT))


def read_row_log(path: Path, marks: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the rows of a log in the order written, names resolved and marks named; times in ns, 0 = did not happen.

    `marks` names the first marks in order and the others are dropped; None keeps mark0_ns.. as they are. A row cut off
    at the end (the writer was killed) is left out. Raises UsageError when there is no log and RunCorrupt when it
    holds something else or its names are missing.
    """
    if not path.is_file():
        raise UsageError(f"There is no row log at {path}", "", "See the process's own log for why it wrote none")
    raw = path.read_bytes()
    rows = np.frombuffer(raw, dtype=_DTYPE, count=len(raw) // ROW.size)
    names = _names(path)
    highest = max((int(rows[column].max()) for column in ("name", "tag")), default=-1) if rows.size else -1
    if highest >= len(names):
        raise RunCorrupt(f"{path.name}.names holds {len(names)} names and the log uses number {highest}")
    frame = pd.DataFrame({name: rows[name] for name, _ in ROW_FIELDS if name != "pad"})
    frame = frame.assign(
        kind=_words(KINDS, rows["kind"], path), outcome=_words(OUTCOMES, rows["outcome"], path),
        name=_words(names, rows["name"], path), tag=_words(names, rows["tag"], path),
    )  # fmt: skip
    numbers = [column for column in frame.columns if column not in ("kind", "outcome", "name", "tag")]
    frame = frame.astype(dict.fromkeys(numbers, "int64"))
    return frame if marks is None else name_marks(frame, marks)


def name_marks(rows: pd.DataFrame, marks: Sequence[str]) -> pd.DataFrame:
    """Rename mark0_ns.. to the names given and drop the marks that have no name; raises UsageError for too many."""
    if len(marks) > MARK_COUNT:
        raise UsageError(f"{len(marks)} marks are named", f"a row holds {MARK_COUNT}")
    unnamed = [column for column in RAW_MARKS[len(marks) :] if column in rows.columns]
    return rows.drop(columns=unnamed).rename(columns=dict(zip(RAW_MARKS, marks, strict=False)))


def _names(path: Path) -> list[str]:
    file = path.with_name(path.name + ".names")
    if not file.is_file():
        return []
    return file.read_bytes().decode("utf-8").split("\n")[:-1]  # text mode would end a name at a carriage return too


def _words(table: Sequence[str], numbers: np.ndarray, path: Path) -> np.ndarray:
    if numbers.size and int(numbers.max()) >= len(table):
        raise RunCorrupt(f"{path.name} holds a row that is none (number {int(numbers.max())} of {len(table)} words)")
    return np.asarray(np.array([*table, ""], dtype=object)[numbers])
