"""A fixed-width binary log of rows: what load workers and stand-ins write while they run.

One row is 136 bytes, little endian, so that a log cut off anywhere still reads up to its last whole row
and a NumPy structured dtype maps it without parsing. Names are numbers into a table beside the log
(`<log>.names`, one name per line, its line number is its id).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from perflab.wire.marks import MARK_COUNT, NO_MARKS

# kind, outcome, name, tag, worker, user, seq, status, bytes_up, bytes_down, intended, start, first, end, marks,
# digest (CRC-32 of the answer, so that variants can be compared answer by answer; 0 = not taken)
ROW = struct.Struct(f"<BBHHHIIIQQ4q{MARK_COUNT}qI")
CLIENT_TIMES_OFFSET = struct.calcsize("<BBHHHIIIQQ")  # where intended, start, first and end stand
ROW_FIELDS: tuple[tuple[str, str], ...] = (
    ("kind", "u1"),
    ("outcome", "u1"),
    ("name", "<u2"),
    ("tag", "<u2"),
    ("worker", "<u2"),
    ("user", "<u4"),
    ("seq", "<u4"),
    ("status", "<u4"),
    ("bytes_up", "<u8"),
    ("bytes_down", "<u8"),
    ("intended_ns", "<i8"),
    ("start_ns", "<i8"),
    ("first_ns", "<i8"),
    ("end_ns", "<i8"),
    *((f"mark{i}_ns", "<i8") for i in range(MARK_COUNT)),
    ("digest", "<u4"),
)
KINDS = ("turn", "request", "arrival", "service")  # service: one unit of work inside a stand-in
OUTCOMES = ("ok", "error", "timeout", "shed", "interrupted", "lost", "unfinished")


class RowLog:
    """Append rows to a binary log; buffered, and flushed at least every `flush_rows` rows and on close."""

    def __init__(self, path: Path, worker: int = 0, flush_rows: int = 256) -> None:
        self.path, self.worker, self._flush_rows = path, worker, flush_rows
        self._file: BinaryIO = path.open("ab")
        self._names_file = path.with_name(path.name + ".names").open("a", encoding="utf-8")
        self._names: dict[str, int] = {}
        self._rows: list[bytes] = []

    def name_id(self, name: str) -> int:
        """Return the number of a name, adding it to the table when it is new."""
        if name not in self._names:
            self._names[name] = len(self._names)
            self._names_file.write(name.replace("\n", " ") + "\n")
            self._names_file.flush()
        return self._names[name]

    def append(
        self,
        kind: str,
        name: str,
        *,
        tag: str = "",
        outcome: str = "ok",
        user: int = 0,
        seq: int = 0,
        status: int = 0,
        bytes_up: int = 0,
        bytes_down: int = 0,
        intended_ns: int = 0,
        start_ns: int = 0,
        first_ns: int = 0,
        end_ns: int = 0,
        marks: Sequence[int] = NO_MARKS,
        digest: int = 0,
    ) -> None:
        """Append one row; times are CLOCK_MONOTONIC nanoseconds, 0 = did not happen."""
        self._rows.append(
            ROW.pack(
                KINDS.index(kind),
                OUTCOMES.index(outcome),
                self.name_id(name),
                self.name_id(tag),
                self.worker,
                user,
                seq,
                status,
                bytes_up,
                bytes_down,
                intended_ns,
                start_ns,
                first_ns,
                end_ns,
                *marks,
                digest & 0xFFFFFFFF,
            )
        )
        if len(self._rows) >= self._flush_rows:
            self.flush()

    def flush(self) -> None:
        """Hand all buffered rows to the operating system."""
        self._file.write(b"".join(self._rows))
        self._file.flush()
        self._rows.clear()

    def close(self) -> None:
        """Flush and close; safe to call twice."""
        if not self._file.closed:
            self.flush()
            self._file.close()
            self._names_file.close()

    def __enter__(self) -> RowLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
