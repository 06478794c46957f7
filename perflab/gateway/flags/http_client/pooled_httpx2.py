"""One shared pool in httpx2, which keeps httpx's interface and whose pool does not slow down with many callers."""

from __future__ import annotations

import httpx2

from perflab.gateway.flags.http_client._pool import PooledClient


def build(timeout_s: float, connections: int) -> PooledClient:
    """Return the client."""
    return PooledClient(httpx2, timeout_s, connections)
