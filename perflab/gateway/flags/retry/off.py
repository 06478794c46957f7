"""The call as it is."""

from __future__ import annotations

from perflab.gateway.calls.call import CallWorld, Generate


def build(inner: Generate, world: CallWorld) -> Generate:
    """Return the call that was given."""
    return inner
