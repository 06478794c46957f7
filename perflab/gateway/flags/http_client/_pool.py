"""One client for the life of the gateway, in a library with httpx's interface: kept-alive connections, shared."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from perflab.gateway.flags.http_client import POOL_WAIT_S
from perflab.gateway.flags.http_client._failures import failure_of

KEEPALIVE_S = 30.0


class PooledClient:
    """A pool of up to so many connections."""

    def __init__(self, library: ModuleType, timeout_s: float, connections: int) -> None:
        limits = library.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEPALIVE_S
        )
        timeout = library.Timeout(timeout_s, pool=min(POOL_WAIT_S, timeout_s))
        self._library, self._connections = library, connections
        self._client = library.AsyncClient(timeout=timeout, limits=limits)

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a POST."""
        try:
            response = await self._client.post(url, json=body, headers=headers)
            response.raise_for_status()
            return dict(response.json())
        except (self._library.HTTPError, ValueError, TypeError) as error:
            raise failure_of(self._library, error, self._connections) from error

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()
