"""Versions of sessions in this process: what was loaded before a write cannot be read after it."""

from __future__ import annotations

MOST = 100_000


class Versions:
    """The number of the last write to each session; an entry is good while its version is still the session's.

    Bounded: with more than `MOST` sessions written to, all are forgotten and everything cached before becomes old,
    which costs misses and no wrong answer.
    """

    def __init__(self) -> None:
        self._written: dict[int, int] = {}
        self._floor = self._count = 0

    def of(self, session: int) -> int:
        """Return a session's version."""
        return self._written.get(session, self._floor)

    def raise_one(self, session: int) -> None:
        """Make what was loaded for a session until now unreadable."""
        self._count += 1
        if len(self._written) >= MOST:
            self.raise_all()
        else:
            self._written[session] = self._count

    def raise_all(self) -> None:
        """Make everything that was loaded until now unreadable."""
        self._count += 1
        self._written.clear()
        self._floor = self._count
