"""Calls that come within 5 ms go as one request."""

from __future__ import annotations

from perflab.gateway.calls.batch import Batched
from perflab.gateway.calls.call import CallWorld, Generate


def build(inner: Generate, world: CallWorld) -> Generate:
    """Return the call with this around it."""
    return Batched(inner, world)
