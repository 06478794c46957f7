"""One shared pool in the library of the baseline, httpx.

The pool of httpx 0.28 slows down with many callers (encode/httpx#3215): compare it before adopting it.
"""

from __future__ import annotations

import httpx

from perflab.gateway.flags.http_client._pool import PooledClient


def build(timeout_s: float, connections: int) -> PooledClient:
    """Return the client."""
    return PooledClient(httpx, timeout_s, connections)
