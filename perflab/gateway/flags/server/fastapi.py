"""FastAPI on uvicorn as pip installs them: asyncio's own loop, h11, and the `websockets` implementation.

Voice and API are one application on two sockets. The loop and the parser are named here because uvicorn would
otherwise take uvloop and httptools whenever they happen to be installed, as they are for the other value.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import Response, WebSocket

from perflab.gateway.api.application import create_api
from perflab.gateway.flags.admission import REFUSED, RETRY_AFTER_S
from perflab.gateway.flags.server import Sockets
from perflab.gateway.flags.server._uvicorn import GRACE_S, serve_until
from perflab.gateway.gateway import Gateway
from perflab.gateway.session.encoder import ReplyEncoder
from perflab.gateway.session.turn import Turn
from perflab.gateway.session.voice import ERROR, VoiceSession
from perflab.wire.frame import Flag, FrameType

new_event_loop = asyncio.new_event_loop
Reply = tuple[Turn, FrameType, bytes, Flag]


class WebSocketLink:
    """Frames for one client, sent in order by a task of their own."""

    def __init__(self, websocket: WebSocket, encoder: ReplyEncoder, limit: int) -> None:
        self._websocket, self._encoder, self._limit = websocket, encoder, limit
        self._waiting: deque[dict[str, Any] | Reply] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing: tuple[int, str] | None = None

    def control(self, body: dict[str, Any]) -> None:
        """Queue a CONTROL frame."""
        self._waiting.append(body)
        self._wake.set()

    def reply(self, turn: Turn, kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> None:
        """Queue a frame of a reply; a client that does not read is closed."""
        self._waiting.append((turn, kind, payload, flags))
        self._bytes += len(payload)
        self._wake.set()
        if self._bytes > self._limit:
            self._waiting.clear()
            self.close(ERROR, "the client reads too slowly")

    def drop(self, turn: Turn) -> None:
        """Forget the queued frames of a turn."""
        kept = [item for item in self._waiting if isinstance(item, dict) or item[0] is not turn]
        self._bytes = sum(len(item[2]) for item in kept if not isinstance(item, dict))
        self._waiting = deque(kept)

    def close(self, code: int, reason: str) -> None:
        """Close when the queue is empty."""
        self._closing = self._closing or (code, reason)
        self._wake.set()

    async def pump(self, sent: Callable[[Turn], None]) -> None:
        """Send what is queued, as long as the client is there."""
        while True:
            await self._wake.wait()
            while self._waiting:
                await self._send(self._waiting.popleft(), sent)
            self._wake.clear()
            if self._closing is not None:
                await self._websocket.close(*self._closing)
                return

    async def _send(self, item: dict[str, Any] | Reply, sent: Callable[[Turn], None]) -> None:
        if isinstance(item, dict):
            await self._write(self._encoder.control(item))
            return
        turn, _, payload, flags = item
        self._bytes -= len(payload)
        await self._write(self._encoder.reply(*item))
        if flags:
            sent(turn)

    async def _write(self, message: str | bytes) -> None:
        if isinstance(message, str):
            await self._websocket.send_text(message)
        else:
            await self._websocket.send_bytes(message)


async def voice(gateway: Gateway, websocket: WebSocket) -> None:
    """Serve one client until it leaves."""
    await websocket.accept()
    link = WebSocketLink(websocket, ReplyEncoder(gateway.codec), gateway.settings.limits.held_bytes)
    session = VoiceSession(gateway, link)
    pump = gateway.spawn(link.pump(session.turn_sent))
    try:
        while (message := await websocket.receive())["type"] == "websocket.receive":
            body = message.get("bytes" if gateway.codec.binary else "text")
            if body is None:
                session.fail(f"this gateway takes {'binary' if gateway.codec.binary else 'text'} messages")
                continue
            pending = session.receive(body)
            if pending is not None:
                await pending
    finally:
        pump.cancel()
        await session.closed()


async def serve(gateway: Gateway, sockets: Sockets, stop: asyncio.Event) -> None:
    """Serve voice and API until `stop` is set."""
    application = create_api(gateway)

    @application.websocket("/voice")
    async def voice_endpoint(websocket: WebSocket) -> None:
        if gateway.turns_away():
            refusal = Response(REFUSED, 503, {"retry-after": str(RETRY_AFTER_S)}, "text/plain")
            await websocket.send_denial_response(refusal)
            return
        await voice(gateway, websocket)

    config = uvicorn.Config(
        application, loop="asyncio", http="h11", ws="auto", log_config=None, timeout_graceful_shutdown=GRACE_S,
        ws_max_size=2 * gateway.settings.limits.frame_bytes,
    )  # fmt: skip
    await serve_until(config, [sockets.voice, sockets.api], stop)
