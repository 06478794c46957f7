"""A version per session: every write raises it, and a value is read only under the version it was loaded under."""

from __future__ import annotations

from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.cached.shared import SharedLevel
from perflab.gateway.state.cached.versions import Versions


class Versioned:
    """No answer of this process is older than its last acknowledged write, and none from the shared level than any.

    Weakness: the level in process of ANOTHER worker does not hear of the write, and may answer with the value before
    it for up to the time to live. `event` shortens that.
    """

    local = True

    def __init__(self, shared: SharedLevel | None, counts: Counts) -> None:
        self._shared, self._counts, self._versions = shared, counts, Versions()

    def open(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Nothing is held."""

    def version(self, session: int) -> int:
        """Return a session's version in this process."""
        return self._versions.of(session)

    async def wrote(self, session: int | None) -> None:
        """Raise the shared version, then the one of this process.

        In this order: a read between the two finds the old value under a version that is about to go; the other
        way round it would keep the old value under the new one.
        """
        self._counts.invalidations += 1
        try:
            if self._shared is not None:
                await self._shared.invalidate(session)
        finally:
            self.raise_local(session)

    def raise_local(self, session: int | None) -> None:
        """Make what this process loaded for a session (None: for all) unreadable."""
        if session is None:
            self._versions.raise_all()
        else:
            self._versions.raise_one(session)


def build(shared: SharedLevel | None, settings: CacheSettings, counts: Counts) -> Versioned:
    """Return the invalidation."""
    return Versioned(shared, counts)
