"""A user's deadlines in order: which unit is due next, and which were due and never begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

GiveUp = Callable[[int, int], None]


@dataclass(eq=False, slots=True)
class Pace:
    """Units due every `period_ns` from `due_ns`, before `end_ns` (CLOCK_MONOTONIC), at most `most` of them (0 = any).

    A unit that was due may begin late, until `last_ns`; `give_up` hears (seq, due_ns) of each that did not.
    """

    due_ns: int
    period_ns: int
    end_ns: int
    last_ns: int
    give_up: GiveUp
    most: int = 0
    seq: int = 0  # of the unit taken last; they count from 1

    @property
    def over(self) -> bool:
        """Whether no unit is left to be begun or given up."""
        return self.due_ns >= self.end_ns or bool(self.most and self.seq >= self.most)

    def take(self) -> tuple[int, int]:
        """Return the seq and deadline of the next unit: it is begun, or given up."""
        taken = self.seq + 1, self.due_ns
        self.seq, self.due_ns = taken[0], self.due_ns + self.period_ns
        return taken

    def drop(self, now_ns: int) -> None:
        """Give up every unit that was due by now, and end the pace."""
        given = list(self._overdue(now_ns))
        self.end_ns = self.due_ns
        for seq, due_ns in given:
            self.give_up(seq, due_ns)

    def _overdue(self, now_ns: int) -> Iterator[tuple[int, int]]:
        while not self.over and self.due_ns <= now_ns:
            yield self.take()
