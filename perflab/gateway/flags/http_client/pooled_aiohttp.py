"""One shared pool in aiohttp, whose parser is compiled."""

from __future__ import annotations

from typing import Any

import aiohttp

from perflab.gateway.flags.http_client import POOL_WAIT_S, HttpCallFailed, pool_exhausted

KEEPALIVE_S = 30.0
LOST = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)


class AiohttpClient:
    """A pool of up to so many connections; waiters are served in the order in which they came."""

    def __init__(self, timeout_s: float, connections: int) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(POOL_WAIT_S, timeout_s))
        self._connections = connections
        self._connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=KEEPALIVE_S)
        self._session = aiohttp.ClientSession(connector=self._connector, timeout=self._timeout)

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a POST."""
        try:
            async with self._session.post(url, json=body, headers=headers) as response:
                if response.status >= 400:
                    raise HttpCallFailed.by_status(response.status, f"answered {response.status} {response.reason}")
                return dict(await response.json())
        except aiohttp.ConnectionTimeoutError as error:
            if self._full():
                raise pool_exhausted(self._connections) from error
            raise HttpCallFailed(f"{type(error).__name__}: {error}", transient=True) from error
        except (aiohttp.ClientError, ValueError, TypeError, TimeoutError) as error:
            lost = isinstance(error, LOST) and not isinstance(error, TimeoutError)
            raise HttpCallFailed(f"{type(error).__name__}: {error}", transient=lost) from error

    def _full(self) -> bool:
        """Say whether all connections are in use: a call that waited to be connected has given its place back by now.

        aiohttp bounds the wait for a place and for the host by one limit and one error, and tells of neither apart.
        """
        return len(self._connector._acquired) >= self._connections

    async def close(self) -> None:
        """Close the pool."""
        await self._session.close()


def build(timeout_s: float, connections: int) -> AiohttpClient:
    """Return the client."""
    return AiohttpClient(timeout_s, connections)
