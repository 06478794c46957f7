"""The tables of a run: each column with its type and unit.

A unit row is one unit of work (a turn, a request, an arrival). Beside the columns below it carries one int64
column per mark of the system, and "<process>.<mark>" columns joined from the logs of other processes: all
CLOCK_MONOTONIC nanoseconds, 0 = did not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from perflab.errors import RunCorrupt, UsageError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["string", "int64", "float64", "bool"]


@dataclass(frozen=True)
class Column:
    """One column: `unit` is "" for names and counts; a column that is not `required` may be absent."""

    name: str
    kind: Kind
    unit: str = ""
    required: bool = True


@dataclass(frozen=True)
class Table:
    """A table of samples; `open` ones may carry further columns of numbers or text."""

    name: str
    columns: tuple[Column, ...]
    open: bool = False

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


_TRIAL = (
    Column("trial", "string"), Column("variant", "string"), Column("condition", "string"), Column("scenario", "string"),
    Column("block", "int64"), Column("arm", "string"),
)  # fmt: skip

UNITS = Table("units", (
    *_TRIAL,
    Column("warmup", "bool"), Column("kind", "string"), Column("name", "string"), Column("tag", "string"),
    Column("outcome", "string"), Column("worker", "int64"), Column("user", "int64"), Column("seq", "int64"),
    Column("status", "int64"), Column("bytes_up", "int64", "byte"), Column("bytes_down", "int64", "byte"),
    Column("intended_ns", "int64", "ns"), Column("start_ns", "int64", "ns"), Column("first_ns", "int64", "ns"),
    Column("end_ns", "int64", "ns"), Column("digest", "int64", required=False),
), open=True)  # fmt: skip

# How late frames left the generator: a histogram per second of the run. The load side owns its buckets, so the
# columns are whatever its log holds; those named here have a fixed type where they occur.
LATENESS = Table("lateness", (
    Column("trial", "string", required=False), Column("second", "int64", "s", required=False),
    Column("count", "int64", required=False),
), open=True)  # fmt: skip

RESOURCES = Table("resources", (
    Column("trial", "string"), Column("process", "string"), Column("role", "string"), Column("t_ns", "int64", "ns"),
    Column("cpu_s", "float64", "s"), Column("rss_bytes", "int64", "byte"), Column("threads", "int64"),
    Column("fds", "int64"), Column("run_delay_s", "float64", "s"), Column("nivcsw", "int64"),
), open=True)  # fmt: skip

TABLES: dict[str, Table] = {table.name: table for table in (UNITS, LATENESS, RESOURCES)}


def table_named(name: str) -> Table:
    """Return a table's schema; raises UsageError listing those that exist."""
    if name not in TABLES:
        raise UsageError(f"There is no table {name!r}", f"tables are {', '.join(TABLES)}")
    return TABLES[name]


def conform(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with the table's column order and types; raises UsageError naming a column that does not fit."""
    missing = [c.name for c in table.columns if c.required and c.name not in frame.columns]
    if missing:
        raise UsageError(f"The {table.name} rows lack {', '.join(missing)}", "every column of the table is needed")
    known = [c.name for c in table.columns if c.name in frame.columns]
    further = [str(name) for name in frame.columns if name not in known]
    if further and not table.open:
        raise UsageError(f"The {table.name} rows carry unknown columns {', '.join(further)}")
    kinds = {name: _kind(table, name, frame) for name in (*known, *further)}
    return frame[[*known, *further]].astype({name: _DTYPES[kind] for name, kind in kinds.items()})


def check_stored(table: Table, frame: pd.DataFrame, where: str) -> None:
    """Raise RunCorrupt when a stored table lacks a column, as a file of another version or another tool would."""
    missing = [c.name for c in table.columns if c.required and c.name not in frame.columns]
    if missing:
        raise RunCorrupt(f"{where} lacks the columns {', '.join(missing)}", f"it must hold {table.name} rows",
                         "Move the file aside to read the rest of the run")  # fmt: skip


_DTYPES: dict[str, str] = {"string": "string[pyarrow]", "int64": "int64", "float64": "float64", "bool": "bool"}


def _kind(table: Table, name: str, frame: pd.DataFrame) -> Kind:
    """Return the kind that a column must have, checking that its values can be stored as that kind unchanged."""
    declared, stored = table.column(name), frame[name].dtype
    if declared is None:
        kinds: dict[str, Kind] = {"i": "int64", "u": "int64", "f": "float64", "b": "bool"}
        return kinds.get(stored.kind, "string")
    if frame.empty:  # pandas gives a column without values any type
        return declared.kind
    if declared.kind in ("int64", "bool") and (stored.kind not in "iub" or frame[name].isna().any()):
        raise UsageError(f"Column {name!r} of the {table.name} rows is {stored}", f"it must hold {declared.kind}")
    if declared.kind == "float64" and stored.kind not in "iuf":
        raise UsageError(f"Column {name!r} of the {table.name} rows is {stored}", "it must hold numbers")
    return declared.kind
