"""One client for the life of the gateway, in a library with httpx's interface: kept-alive connections, shared."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from perflab.gateway.flags.http_client import HttpCallFailed

MAX_CONNECTIONS = 100
KEEPALIVE_S = 30.0


class PooledClient:
    """A pool of up to a hundred connections."""

    def __init__(self, library: ModuleType, timeout_s: float) -> None:
        limits = library.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_S
        )
        self._library, self._client = library, library.AsyncClient(timeout=timeout_s, limits=limits)

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a POST."""
        try:
            response = await self._client.post(url, json=body, headers=headers)
            response.raise_for_status()
            return dict(response.json())
        except (self._library.HTTPError, ValueError, TypeError) as error:
            raise HttpCallFailed(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()
