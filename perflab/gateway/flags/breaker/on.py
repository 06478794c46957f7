"""After five failures in a row the code generator is left alone for half a second."""

from __future__ import annotations

from perflab.gateway.calls.breaker import Broken
from perflab.gateway.calls.call import CallWorld, Generate


def build(inner: Generate, world: CallWorld) -> Generate:
    """Return the call with this around it."""
    return Broken(inner, world.count)
