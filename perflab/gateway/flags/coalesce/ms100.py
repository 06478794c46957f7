"""5 client frames to a message: 100 ms."""

from __future__ import annotations

from perflab.gateway.flags.coalesce._gather import Gather

LENGTH_MS = 100


def build() -> Gather:
    """Return the policy of one session."""
    return Gather(LENGTH_MS)
