"""Put the marks of other processes beside a unit of work: the same (user, seq) in both logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from perflab.errors import UsageError
from perflab.samples.rows import RAW_MARKS, name_marks

_KEY = ["user", "seq"]
ProcessLogs = Mapping[str, tuple[pd.DataFrame, Sequence[str]]]


def join_marks(
    units: pd.DataFrame, process_logs: ProcessLogs, unit_marks: Sequence[str] | None = None, *, unit_kind: str = "turn"
) -> pd.DataFrame:
    """Return the units of ONE trial with a "<process>.<mark>" column (int64 ns) for each mark of each process log.

    `process_logs`: process name -> (rows with user, seq and mark0_ns.. or already named marks, names of the marks).
    `unit_marks` names the units' own marks in order, the others are dropped; None leaves them as they are.
    Only units of `unit_kind` are joined: a load file may number its other users from zero too. A unit that the log does
    not know has marks of 0. So has one that the log knows twice: an ambiguous match is no match, and shows as lost.
    Raises UsageError when units repeat a (user, seq) and there are logs: rows of several trials cannot be told apart.
    """
    units = units if unit_marks is None else name_marks(units, unit_marks)
    chosen = (units["kind"] == unit_kind).to_numpy(dtype=bool)
    if process_logs and units.loc[chosen, _KEY].duplicated().any():
        first = units.loc[chosen, _KEY][units.loc[chosen, _KEY].duplicated()].iloc[0]
        raise UsageError(
            f"Two units have user {first['user']} and seq {first['seq']}", "join the rows of one trial at a time"
        )
    columns: dict[str, np.ndarray] = {}
    for process, (log, marks) in process_logs.items():
        found = _lookup(units, chosen, log, _mark_columns(process, log, marks))
        columns |= {f"{process}.{mark}": found[:, i] for i, mark in enumerate(marks)}
    return units.assign(**columns)


def _mark_columns(process: str, log: pd.DataFrame, marks: Sequence[str]) -> list[str]:
    names = [mark if mark in log.columns else raw for mark, raw in zip(marks, RAW_MARKS, strict=False)]
    missing = [name for name in [*_KEY, *names] if name not in log.columns]
    if missing or len(names) < len(marks):
        raise UsageError(f"The log of process {process!r} lacks {', '.join(missing) or 'marks'}",
                         f"it must carry {', '.join(marks)}")  # fmt: skip
    return names


def _lookup(units: pd.DataFrame, chosen: np.ndarray, log: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Return (len(units), len(names)) int64 marks, 0 where there is no single match."""
    single = log[~log.duplicated(_KEY, keep=False)]
    index = pd.MultiIndex.from_frame(single[_KEY].astype("int64"))
    wanted = pd.MultiIndex.from_frame(units[_KEY].astype("int64"))
    places = np.asarray(index.get_indexer(wanted))
    places[~chosen] = -1
    marks = single[names].to_numpy(dtype=np.int64).reshape(len(single), len(names))  # also of a log without marks
    values = np.vstack([marks, np.zeros(len(names), np.int64)])
    return np.asarray(values[places], dtype=np.int64)  # place -1 takes the row of zeros
