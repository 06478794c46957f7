"""Units of work under way in the generator: each becomes exactly one row, however it ends."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from perflab.wire.marks import NO_MARKS
from perflab.wire.rowlog import RowLog

Ended = Callable[["Unit"], None]


@dataclass(eq=False, slots=True)
class Unit:
    """One turn, request or arrival; times are CLOCK_MONOTONIC nanoseconds, 0 = has not happened."""

    kind: str
    name: str
    user: int
    seq: int
    intended_ns: int
    tag: str = ""
    status: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    start_ns: int = 0
    first_ns: int = 0
    end_ns: int = 0
    marks: tuple[int, ...] = NO_MARKS
    digest: int = 0
    outcome: str = ""
    on_end: Ended | None = field(default=None, repr=False)

    def close(self, outcome: str, end_ns: int = 0) -> None:
        """End the unit with one of the row format's outcomes; later calls change nothing."""
        if self.outcome:
            return
        self.outcome, self.end_ns = outcome, end_ns or self.end_ns or time.monotonic_ns()
        if self.on_end:
            self.on_end(self)


class Units:
    """All open units of a process, and the row log into which they close."""

    def __init__(self, log: RowLog, on_full: Callable[[OSError], None], on_row: Ended | None = None) -> None:
        self.log, self._on_full, self._on_row = log, on_full, on_row
        self.rows = self.unfinished = 0
        self.open: set[Unit] = set()
        self.failure: OSError | None = None

    def begin(self, kind: str, name: str, *, user: int, seq: int, intended_ns: int, tag: str = "") -> Unit:
        """Return a new open unit, due at `intended_ns`."""
        unit = Unit(kind, name, user, seq, intended_ns, tag, on_end=self._ended)
        self.open.add(unit)
        return unit

    def _ended(self, unit: Unit) -> None:
        self.open.discard(unit)
        self._guarded(lambda: self._append(unit))
        if self._on_row:
            self._on_row(unit)

    def _append(self, unit: Unit) -> None:
        self.rows += 1
        self.unfinished += unit.outcome == "unfinished"
        self.log.append(
            unit.kind, unit.name, tag=unit.tag, outcome=unit.outcome, user=unit.user, seq=unit.seq, status=unit.status,
            bytes_up=unit.bytes_up, bytes_down=unit.bytes_down, intended_ns=unit.intended_ns, start_ns=unit.start_ns,
            first_ns=unit.first_ns, end_ns=unit.end_ns, marks=unit.marks,
            digest=unit.digest,
        )  # fmt: skip

    def flush(self) -> None:
        """Hand the rows so far to the operating system."""
        self._guarded(self.log.flush)

    def close(self) -> None:
        """End every open unit as unfinished and close the log; safe to call twice."""
        for unit in list(self.open):
            unit.close("unfinished")
        self._guarded(self.log.close)

    def _guarded(self, write: Callable[[], None]) -> None:
        """Write; after the first failure (a full disk) nothing more is tried: the rows before it are kept."""
        if self.failure:
            return
        try:
            write()
        except (OSError, struct.error) as error:
            self.failure = OSError(f"no row holds this number: {error}") if isinstance(error, struct.error) else error
            self._on_full(self.failure)
