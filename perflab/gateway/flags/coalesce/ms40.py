"""2 client frames to a message: 40 ms."""

from __future__ import annotations

from perflab.gateway.flags.coalesce._gather import Gather

LENGTH_MS = 40


def build() -> Gather:
    """Return the policy of one session."""
    return Gather(LENGTH_MS)
