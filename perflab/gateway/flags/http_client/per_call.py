"""A new client, and so a new connection, for every call."""

from __future__ import annotations

from typing import Any

import httpx

from perflab.gateway.flags.http_client._failures import failure_of


class PerCallClient:
    """httpx's quick start: `async with httpx.AsyncClient()` around each call."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a POST."""
        try:
            async with httpx.AsyncClient(timeout=self._timeout_s) as client:
                response = await client.post(url, json=body, headers=headers)
                response.raise_for_status()
                return dict(response.json())
        except (httpx.HTTPError, ValueError, TypeError) as error:
            raise failure_of(httpx, error, 1) from error

    async def close(self) -> None:
        """Nothing is kept between calls."""


def build(timeout_s: float, connections: int) -> PerCallClient:
    """Return the client; nothing is pooled, so that `connections` bounds nothing."""
    return PerCallClient(timeout_s)
