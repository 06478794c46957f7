"""CSV with a header: the column of the object, and of size and time where there are such columns."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from perflab.cache.readers.files import LONGEST_LINE, excerpt, lines, shown
from perflab.cache.readers.named import NamedRequests
from perflab.cache.trace import LARGEST_OBJECT, Trace
from perflab.errors import UsageError

FORMAT = "csv"
SUFFIXES = (".csv",)
OBJECT = ("object", "key", "id", "obj_id", "url", "path")
SIZE = ("size", "bytes", "obj_size")
TIME = ("time", "timestamp", "time_s")


def read(path: Path, *, name: str = "", sizes: bool = True) -> Trace:
    """Return the trace. Columns are found by name: object, key, id, obj_id, url or path; size or bytes; time (in s).

    One request per line, in order of time. Raises UsageError for a header with no object column or with several (a row
    number beside the url would make every request an object of its own), a line with another number of fields, an empty
    object, a size or time that is no such number, and a quote left open.
    """
    csv.field_size_limit(LONGEST_LINE)
    rows = lines(path)
    _, first = next(rows, (1, ""))
    if not first:
        raise UsageError(
            f"{shown(path)} has no line that is not blank", f"a header line with one of {', '.join(OBJECT)}"
        )
    header = [field.strip().lower() for field in _fields(first, 1, path)]
    key = _object(header, path)
    size, time = _column(header, SIZE) if sizes else None, _column(header, TIME)
    found = NamedRequests()
    for number, text in rows:
        fields = _fields(text, number, path)
        if len(fields) != len(header) or not fields[key]:
            raise UsageError(f"{shown(path)} has {excerpt(text)} in line {number}",
                             f"{len(header)} fields as in the header, and an object")  # fmt: skip
        found.add(fields[key], None if size is None else _size(fields[size], number, path),
                  None if time is None else _time(fields[time], number, path))  # fmt: skip
    return found.trace(name or path.name)


def _fields(text: str, number: int, path: Path) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise UsageError(f"{shown(path)} has {excerpt(text)} in line {number} ({error})", "a line of CSV") from error


def _object(header: list[str], path: Path) -> int:
    """Return the one column that can be the object."""
    places = [place for place, name in enumerate(header) if name in OBJECT]
    if len(places) != 1:
        raise UsageError(f"{shown(path)} has the columns {excerpt(', '.join(header))}",
                         f"a header line with one of {', '.join(OBJECT)}, and not several")  # fmt: skip
    return places[0]


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _size(text: str, number: int, path: Path) -> int:
    clean = text.strip()
    if not clean.isascii() or not clean.isdigit() or len(clean) > 13 or not 1 <= int(clean) <= LARGEST_OBJECT:
        raise UsageError(f"{shown(path)} has the size {excerpt(text)} in line {number}",
                         f"whole bytes from 1 to {LARGEST_OBJECT}")  # fmt: skip
    return int(clean)


def _time(text: str, number: int, path: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{shown(path)} has the time {excerpt(text)} in line {number}", "seconds as a number")
    return value
