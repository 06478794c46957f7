"""One client for the life of the gateway: connections are kept alive and shared.

httpx2 keeps httpx's interface; the pool of httpx 0.28 itself slows down with many callers (encode/httpx#3215).
"""

from __future__ import annotations

from typing import Any

import httpx2

from perflab.gateway.flags.http_client import HttpCallFailed
from perflab.gateway.flags.http_client._pool import KEEPALIVE_S, MAX_CONNECTIONS

CONNECTIONS = httpx2.Limits(
    max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_S
)


class PooledHttpx2Client:
    """A pool of up to a hundred connections."""

    def __init__(self, timeout_s: float) -> None:
        self._client = httpx2.AsyncClient(timeout=timeout_s, limits=CONNECTIONS)

    async def post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON object that answers a POST."""
        try:
            response = await self._client.post(url, json=body)
            response.raise_for_status()
            return dict(response.json())
        except (httpx2.HTTPError, ValueError, TypeError) as error:
            raise HttpCallFailed(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()


def build(timeout_s: float) -> PooledHttpx2Client:
    """Return the client."""
    return PooledHttpx2Client(timeout_s)
