"""Each session has so many calls at a time, its others wait."""

from __future__ import annotations

from perflab.gateway.calls.bulkhead import Parted
from perflab.gateway.calls.call import CallWorld, Generate


def build(inner: Generate, world: CallWorld) -> Generate:
    """Return the call with this around it."""
    return Parted(inner, world.settings.share, world.count)
