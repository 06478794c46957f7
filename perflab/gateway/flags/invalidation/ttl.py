"""Expiry alone: a value is read until its time is up, whatever was written meanwhile."""

from __future__ import annotations

from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.cached.shared import SharedLevel


class ByAge:
    """Nothing is told and nothing is asked: every answer, also to who has just written, is up to the time to live old.

    Declared loss: a client may not see its own write for that long.
    """

    local = True

    def open(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Nothing is held."""

    def version(self, session: int) -> int:
        """Return the one version there is."""
        return 0

    async def wrote(self, session: int | None) -> None:
        """Nothing is done."""


def build(shared: SharedLevel | None, settings: CacheSettings, counts: Counts) -> ByAge:
    """Return the invalidation."""
    return ByAge()
