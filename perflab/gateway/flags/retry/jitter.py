"""Up to four attempts with exponential waits and jitter."""

from __future__ import annotations

from perflab.gateway.calls.call import CallWorld, Generate
from perflab.gateway.calls.retry import Retried


def build(inner: Generate, world: CallWorld) -> Generate:
    """Return the call with this around it."""
    return Retried(inner, world.count)
