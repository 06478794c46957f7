"""Server-sent events (WHATWG HTML, 9.2): one answer that never ends, in lines that a browser's EventSource reads.

A client that lost its connection sends the last id that it saw in `Last-Event-ID` and misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request, Response
from starlette.types import Receive, Scope, Send

from perflab.gateway.flags.events import PATH, _hub
from perflab.gateway.flags.events._cursor import Cursor, Event, SessionId, TooFarBehind, newest
from perflab.gateway.flags.events._hub import MOST_WATCHERS, Hub, follow
from perflab.gateway.flags.store import StateUnavailable

if TYPE_CHECKING:
    from perflab.gateway.gateway import Gateway

HEARTBEAT = b": still here\n\n"
RETRY = b"retry: 1000\n\n"
AT_ONCE = 20  # events in one write, so that a client that comes back after long is not sent megabytes at a time


class EventStream(Response):
    """Sends events until the client leaves, reads too slowly, or the gateway stops."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, session: int, events: AsyncGenerator[list[Event], None]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._hub, self._session, self._events = hub, session, events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream; ends by itself or with the client's connection."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending, leaving = asyncio.create_task(self._send_all(send)), asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send_all(self, send: Send) -> None:
        """Send; who takes nothing for a while is left without the end of the answer, which tells that it is cut."""
        last = b"event: end\ndata: the gateway stops\n\n"
        try:
            async with contextlib.aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    await _send_in_time(send, chunk, more=True)
        except TooFarBehind as error:
            self._hub.drop(self._session, "behind")
            last = f"event: behind\ndata: {error}\n\n".encode()
        except StateUnavailable as error:
            self._hub.drop(self._session, "state away")
            last = f"event: end\ndata: {' '.join(str(error).split())}\n\n".encode()
        except TimeoutError:
            self._hub.drop(self._session, "slow")
            return
        with contextlib.suppress(TimeoutError):
            await _send_in_time(send, last, more=False)

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        yield RETRY
        async with contextlib.aclosing(self._events) as batches:
            async for events in batches:
                for first in range(0, len(events) or 1, AT_ONCE):
                    yield b"".join(map(encode, events[first : first + AT_ONCE])) or HEARTBEAT


def encode(event: Event) -> bytes:
    """Return one event; JSON without line breaks fits in a single data line."""
    body = event.body()
    data = json.dumps(body["data"], ensure_ascii=False, separators=(",", ":"))
    return f"id: {body['id']}\nevent: {body['event']}\ndata: {data}\n\n".encode()


async def _send_in_time(send: Send, body: bytes, *, more: bool) -> None:
    async with asyncio.timeout(_hub.SLOW_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class ServerSentEvents(Hub):
    """`GET .../events`, with `Last-Event-ID` or `?after=` to go on from an event."""

    def install(self, application: FastAPI, gateway: Gateway) -> None:
        """Add the endpoint; without a cursor it tells what comes from now on."""
        self.count_in(gateway.metrics)

        @application.get(PATH)
        async def events(request: Request, session: SessionId, after: str = "") -> Response:
            asked = request.headers.get("last-event-id", "") or after
            try:
                cursor = Cursor.parse(asked) if asked else await newest(gateway.state, session)
            except ValueError as error:
                raise HTTPException(422, str(error)) from None
            if self.watchers >= MOST_WATCHERS:
                raise HTTPException(503, f"{MOST_WATCHERS} clients wait for events already", {"retry-after": "1"})
            return EventStream(self, session, follow(self, gateway.state, session, cursor))


def build() -> ServerSentEvents:
    """Return the news."""
    return ServerSentEvents()
