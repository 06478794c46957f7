"""How late the generator itself was: one histogram per second, written as fixed-width binary records.

Buckets are log-spaced, 32 to a decade from 10 us to 10 s, so a value read back from its bucket's upper edge is at
most 7.5 % above the truth. One record per second holds the counts, so the log grows with time and not with load.
"""

from __future__ import annotations

import struct
import time
from bisect import bisect_left
from pathlib import Path

PER_DECADE, DECADES, LOWEST_NS = 32, 6, 10_000
EDGES_NS: tuple[int, ...] = tuple(round(LOWEST_NS * 10 ** (i / PER_DECADE)) for i in range(PER_DECADE * DECADES + 1))
BUCKETS = len(EDGES_NS) + 1  # bucket i holds values <= EDGES_NS[i]; the last one everything above
RELATIVE_ERROR = 10 ** (1 / PER_DECADE) - 1
# second's begin, process CPU so far, asked, sent, blocked, lost, counts
RECORD = struct.Struct(f"<qqIIII{BUCKETS}I")
NS = 1_000_000_000


class LatenessLog:
    """Count sends by lateness; call `roll` about once a second and `close` at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab")
        self.begin_ns = time.monotonic_ns()
        self.asked = self.sent = self.blocked = self.lost = 0
        self.counts = [0] * BUCKETS
        self.totals = [0, 0, 0, 0]

    def record(self, late_ns: int) -> None:
        """Count one send that was made, `late_ns` after it was due."""
        self.asked += 1
        self.sent += 1
        self.counts[bisect_left(EDGES_NS, late_ns)] += 1

    def miss(self, count: int = 1) -> None:
        """Count sends that were due and never made."""
        self.asked += count
        self.lost += count

    def roll(self) -> None:
        """Write the record of the time since the last one, and begin the next."""
        now = [self.asked, self.sent, self.blocked, self.lost]
        self._file.write(RECORD.pack(self.begin_ns, time.process_time_ns(), *now, *self.counts))
        self._file.flush()
        self.totals = [total + count for total, count in zip(self.totals, now, strict=True)]
        self.begin_ns = time.monotonic_ns()
        self.asked = self.sent = self.blocked = self.lost = 0
        self.counts = [0] * BUCKETS

    def close(self) -> None:
        """Write what is left and close; safe to call twice."""
        if not self._file.closed:
            try:
                self.roll()
            finally:
                self._file.close()
