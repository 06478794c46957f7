"""The clock of the batch: work begins at the next point of a grid, and only when there is some."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from perflab.wire.marks import now_ns


@dataclass(slots=True)
class TickCounts:
    """How often the batch ran, over how many frames, and for how long.

    `frames`: those of clients; `seconds`: wall-clock, passing on included, and the replies worked on between ticks.
    """

    ticks: int = 0
    frames: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0  # the sum over frames of the time from arrival to the beginning of the work


class Ticks:
    """Calls `work` at points `tick_s` apart while there is work: an idle gateway does not wake up."""

    def __init__(self, tick_s: float, work: Callable[[], None]) -> None:
        self._tick_s, self._work = tick_s, work
        self._next: asyncio.TimerHandle | None = None
        self.counts = TickCounts()

    def ask(self) -> None:
        """Something waits: work at the next point of the grid."""
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.call_at((loop.time() // self._tick_s + 1) * self._tick_s, self._tick)

    def timed(self, work: Callable[[], None]) -> None:
        """Work now, and count how long: in a tick, or where a reply cannot wait for the next."""
        began = now_ns()
        work()
        self.counts.seconds += (now_ns() - began) / 1e9

    def _tick(self) -> None:
        self._next = None
        self.timed(self._work)
        self.counts.ticks += 1
