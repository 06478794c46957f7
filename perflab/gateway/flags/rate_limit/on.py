"""Each session calls so often per second, above that it waits or is refused."""

from __future__ import annotations

from perflab.gateway.calls.call import CallWorld, Generate
from perflab.gateway.calls.rate_limit import Limited


def build(inner: Generate, world: CallWorld) -> Generate:
    """Return the call with this around it."""
    return Limited(inner, world.settings.per_s, world.count)
