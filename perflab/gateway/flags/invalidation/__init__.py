"""Flag `invalidation`: how a cache learns that a write has made a value old. A value offers `build(shared, settings,
counts) -> Invalidation`; it does nothing where nothing is cached.
"""

from __future__ import annotations

from typing import Protocol

BASELINE = "versioned"


class Invalidation(Protocol):
    """What a cached state asks before it reads, and tells after a write.

    `local`: whether the level in process may be used just now.
    """

    local: bool

    def open(self) -> None:
        """Get ready, inside the event loop."""

    async def close(self) -> None:
        """Let go."""

    def version(self, session: int) -> int:
        """Return the version that an entry of a session must have to be read."""

    async def wrote(self, session: int | None) -> None:
        """Make what was loaded for a session (None: for all) unreadable; returns before the write is acknowledged."""
