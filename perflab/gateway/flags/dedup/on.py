"""Calls with the same prompt at the same time share one."""

from __future__ import annotations

from perflab.gateway.calls.call import CallWorld, Generate
from perflab.gateway.calls.dedup import Shared


def build(inner: Generate, world: CallWorld) -> Generate:
    """Return the call with this around it."""
    return Shared(inner, world.count)
