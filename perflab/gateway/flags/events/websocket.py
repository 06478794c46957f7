"""A WebSocket for each client: events come as JSON text messages, and the server's pings keep the connection alive."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from perflab.gateway.flags.events import PATH, _hub
from perflab.gateway.flags.events._cursor import Cursor, SessionId, TooFarBehind, newest
from perflab.gateway.flags.events._hub import Hub, HubFull, follow
from perflab.gateway.flags.store import StateUnavailable

if TYPE_CHECKING:
    from perflab.gateway.gateway import Gateway

GOING_AWAY, REFUSED, TRY_LATER = 1001, 1008, 1013  # RFC 6455 7.4.1 and the IANA registry
HEARTBEAT = '{"event":"heartbeat"}'


class EventSocket(Hub):
    """`.../events?after=CURSOR`; the reason of every end stands in the close frame."""

    def install(self, application: FastAPI, gateway: Gateway) -> None:
        """Add the endpoint; without `after` it tells what comes from now on."""
        self.count_in(gateway.metrics)

        @application.websocket(PATH)
        async def events(websocket: WebSocket, session: SessionId, after: str = "") -> None:
            await websocket.accept()
            serving = asyncio.create_task(self._serve(gateway, websocket, session, after))
            leaving = asyncio.create_task(_gone(websocket))
            try:
                await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    await self._close(websocket, session, *serving.result())
            finally:
                serving.cancel()
                leaving.cancel()
                await asyncio.gather(serving, leaving, return_exceptions=True)

    async def _serve(self, gateway: Gateway, websocket: WebSocket, session: int, after: str) -> tuple[int, str, str]:
        """Send until it ends; return close code, reason, and under what it is counted (empty: an end like others)."""
        try:
            cursor = Cursor.parse(after) if after else await newest(gateway.state, session)
            async with contextlib.aclosing(follow(self, gateway.state, session, cursor)) as batches:
                async for events in batches:
                    for event in events:
                        await _send(websocket, json.dumps(event.body(), ensure_ascii=False, separators=(",", ":")))
                    if not events:
                        await _send(websocket, HEARTBEAT)
        except ValueError as error:
            return REFUSED, str(error), ""
        except TooFarBehind as error:
            return REFUSED, str(error), "behind"
        except HubFull as error:
            return TRY_LATER, str(error), ""
        except StateUnavailable as error:
            return TRY_LATER, str(error), "state away"
        except TimeoutError:
            return TRY_LATER, f"nothing was taken for {_hub.SLOW_S:g} s", "slow"
        return GOING_AWAY, "the gateway stops", ""

    async def _close(self, websocket: WebSocket, session: int, code: int, reason: str, counted: str) -> None:
        if counted:
            self.drop(session, counted)
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):  # it may be gone, or take nothing
            async with asyncio.timeout(_hub.SLOW_S):
                await websocket.close(code, reason[:120])


async def _send(websocket: WebSocket, text: str) -> None:
    async with asyncio.timeout(_hub.SLOW_S):
        await websocket.send_text(text)


async def _gone(websocket: WebSocket) -> None:
    """Return when the client has left; what it says is not expected and not kept."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def build() -> EventSocket:
    """Return the news."""
    return EventSocket()
