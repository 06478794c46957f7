"""The voice socket on picows and uvloop; the API on uvicorn with httptools beside it, in the same loop.

A frame goes from one socket's callback to the other socket's buffer without a task switch.
"""

from __future__ import annotations

import asyncio
import gc
from http import HTTPStatus
from typing import Any

import uvicorn
import uvloop
from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from perflab.gateway.api.application import create_api
from perflab.gateway.flags.admission import REFUSED, RETRY_AFTER_S
from perflab.gateway.flags.server import Sockets
from perflab.gateway.flags.server._uvicorn import GRACE_S, serve_until
from perflab.gateway.gateway import Gateway
from perflab.gateway.session.encoder import ReplyEncoder
from perflab.gateway.session.in_order import InOrder
from perflab.gateway.session.turn import Turn
from perflab.gateway.session.voice import ERROR, VoiceSession
from perflab.wire.frame import Flag, FrameType

new_event_loop = uvloop.new_event_loop
TEXT, BINARY, CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE


class VoiceListener(WSListener):
    """One client: its frames go to the session in the callback, the session's frames go straight to the transport."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway
        self._encoder = ReplyEncoder(gateway.codec)
        self._kind = BINARY if gateway.codec.binary else TEXT
        self._limit = gateway.settings.limits.held_bytes
        self._paused = False
        self._transport: WSTransport
        self._session: VoiceSession
        self._sends: InOrder

    def on_ws_connected(self, transport: WSTransport) -> None:
        """A client is there."""
        self._transport = transport
        self._session = VoiceSession(self._gateway, self)
        self._sends = InOrder(self._gateway.spawn, self._session.fail)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Pass a message to the session."""
        kind = frame.msg_type
        if kind is self._kind:
            pending = self._session.receive(frame.get_payload_as_bytes())
            if pending is not None:
                self._sends.add(pending)
        elif kind is CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif kind in (TEXT, BINARY):
            self._session.fail(f"a {kind.name.lower()} message; this gateway takes {self._kind.name.lower()} frames")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The client is gone."""
        self._gateway.spawn(self._session.closed())

    def pause_writing(self) -> None:
        """The client does not read as fast as the reply comes."""
        self._paused = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._paused = False

    def control(self, body: dict[str, Any]) -> None:
        """Send a CONTROL frame."""
        self._send(self._encoder.control(body))

    def reply(self, turn: Turn, kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> None:
        """Send a frame of a reply."""
        self._send(self._encoder.reply(turn, kind, payload, flags))
        if flags:
            self._session.turn_sent(turn)

    def drop(self, turn: Turn) -> None:
        """Nothing is held here: frames are with the transport already."""

    def close(self, code: int, reason: str) -> None:
        """Close after what was sent."""
        self._transport.send_close(WSCloseCode(code), reason.encode("utf-8")[:120])
        self._transport.disconnect()

    def _send(self, message: str | bytes) -> None:
        self._transport.send(self._kind, message.encode("utf-8") if isinstance(message, str) else message)
        if self._paused and self._transport.underlying_transport.get_write_buffer_size() > self._limit:
            self.close(ERROR, "the client reads too slowly")


def _refusal() -> WSUpgradeResponseWithListener:
    headers = {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"}
    response = WSUpgradeResponse.create_error_response(HTTPStatus.SERVICE_UNAVAILABLE, REFUSED.encode(), headers)
    return WSUpgradeResponseWithListener(response, None)


async def serve(gateway: Gateway, sockets: Sockets, stop: asyncio.Event) -> None:
    """Serve voice and API until `stop` is set."""

    def listener(request: WSUpgradeRequest) -> VoiceListener | WSUpgradeResponseWithListener | None:
        if request.path.split(b"?")[0] != b"/voice":
            return None
        return _refusal() if gateway.turns_away() else VoiceListener(gateway)

    gc.collect()
    gc.freeze()  # what is alive now lives as long as the gateway: later collections need not look at it
    limit = 2 * gateway.settings.limits.frame_bytes
    server = await ws_create_server(listener, sock=sockets.voice, max_frame_size=limit, enable_auto_ping=True)
    config = uvicorn.Config(
        create_api(gateway), loop="uvloop", http="httptools", ws=gateway.api_websockets, log_config=None,
        timeout_graceful_shutdown=GRACE_S,
    )  # fmt: skip
    try:
        await serve_until(config, [sockets.api], stop)
    finally:
        server.close()
