"""All calls side by side on one HTTP/2 connection, by httpx2 over clear text with prior knowledge."""

from __future__ import annotations

from typing import Any

import httpx2

from perflab.gateway.flags.http_client import POOL_WAIT_S, HttpCallFailed
from perflab.gateway.flags.http_client._failures import failure_of

LEAVE_AFTER = 900  # requests on one connection: servers say GOAWAY after 1,000 (nginx, hypercorn)
TRIES = 3


class _Connection:
    """One client of one connection, closed when the last of its calls is done and no other will follow."""

    def __init__(self, timeout_s: float) -> None:
        self.client = httpx2.AsyncClient(
            http1=False, http2=True, limits=httpx2.Limits(max_connections=1),
            timeout=httpx2.Timeout(timeout_s, pool=min(POOL_WAIT_S, timeout_s)),
        )  # fmt: skip
        self.sent = self.flying = self.answered = 0

    @property
    def spent(self) -> bool:
        """Whether it takes no further call, for it has had its number."""
        return self.sent >= LEAVE_AFTER


class Http2Client:
    """One connection at a time; a new one takes over after 900 requests, or when the server leaves.

    httpx2 gives up every call on a connection at the server's GOAWAY, also those that the server will still answer
    (httpcore's AsyncHTTP2Connection), so that a connection is left before servers' usual limit. A server that leaves
    earlier, or a connection that has answered before and is lost, costs its calls a second sending, on a new one: the
    call is idempotent. What a new connection loses at once is a failure, for the parts around the client to judge.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._now = _Connection(timeout_s)

    async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Return the JSON object that answers a POST."""
        failed: HttpCallFailed
        for _ in range(TRIES):
            connection = self._current()
            try:
                return await self._on(connection, url, body, headers)
            except (httpx2.HTTPError, ValueError, TypeError) as error:
                failed = failure_of(httpx2, error, 1)
                lost = isinstance(error, httpx2.ProtocolError | httpx2.NetworkError)
                if not (lost and connection.answered):
                    raise failed from error
        raise failed

    def _current(self) -> _Connection:
        if self._now.spent:
            self._now = _Connection(self._timeout_s)
        self._now.sent += 1
        return self._now

    async def _on(
        self, connection: _Connection, url: str, body: dict[str, Any], headers: dict[str, str]
    ) -> dict[str, Any]:
        connection.flying += 1
        try:
            response = await connection.client.post(url, json=body, headers=headers)
            connection.answered += 1
            response.raise_for_status()
            return dict(response.json())
        except (httpx2.ProtocolError, httpx2.NetworkError):
            if connection is self._now:
                self._now = _Connection(self._timeout_s)
            raise
        finally:
            connection.flying -= 1
            if not connection.flying and (connection.spent or connection is not self._now):
                await connection.client.aclose()

    async def close(self) -> None:
        """Close the connection."""
        await self._now.client.aclose()


def build(timeout_s: float, connections: int) -> Http2Client:
    """Return the client; HTTP/2 needs one connection, whatever the pool may hold."""
    return Http2Client(timeout_s)
