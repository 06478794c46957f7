"""One WebSocket connection of a client: frames in, messages to the session, messages out, close codes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from perflab.standins.faults import AT_ONCE
from perflab.standins.live import server_messages as say
from perflab.standins.live.client_messages import (
    MAX_MESSAGE_BYTES,
    AudioEnvelope,
    MalformedMessage,
    audio_text,
    decode_base64,
    field,
    items,
    parse,
)
from perflab.standins.live.session import Session
from perflab.standins.live.setup import Setup, parse_setup
from perflab.standins.live.world import World

SETUP_TIMEOUT_S = 10.0
DRAIN_TIMEOUT_S = 10.0  # a client that reads nothing for so long is cut
CLOSE_TIMEOUT_S = 0.5
WRITE_HIGH_WATER = 256 * 1024
MAX_UNSENT_BYTES = 2 << 20
MAX_PENDING_PONGS = 8
MAX_CONTROL_BYTES = 125  # RFC 6455
_CODES = {1000: WSCloseCode.OK, 1007: WSCloseCode.INVALID_TEXT, 1008: WSCloseCode.POLICY_VIOLATION,
          1009: WSCloseCode.MESSAGE_TOO_BIG, 1011: WSCloseCode.INTERNAL_ERROR}  # fmt: skip


class Connection(WSListener):
    """Implements session.Link. Memory per connection is bounded: message size, unsent bytes, pending pongs."""

    def __init__(self, world: World, authorised: bool) -> None:
        super().__init__()
        self.world, self.paused = world, False
        self._authorised = authorised
        self._loop = asyncio.get_running_loop()
        self._session: Session | None = None
        self._transport: WSTransport | None = None
        self._envelope = AudioEnvelope()
        self._fragments = bytearray()
        self._fragmented = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._pongs = self._pings = 0

    # -- picows' callbacks ---------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done: a setup message must follow within SETUP_TIMEOUT_S."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self.world.counts["connections"] += 1
        self.world.connections.add(self)
        self._after("setup", SETUP_TIMEOUT_S, lambda: self.close(1007, "setup must come first, within 10 s"))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame; audio in the envelope of the message before takes the short way."""
        now = time.monotonic_ns()
        if self._fragmented or not frame.fin:
            self._other_frame(transport, frame, now)
            return
        message, session = frame.get_payload_as_bytes(), self._session
        if session is not None and len(message) > MAX_CONTROL_BYTES:  # so it is data; msg_type costs 0.5 us to read
            pcm = self._envelope.audio(message)
            if pcm is not None:
                session.consumed += 1
                session.audio(pcm, now)
                return
        if frame.msg_type in (WSMsgType.BINARY, WSMsgType.TEXT):
            self._guarded(message, now)
        else:
            self._other_frame(transport, frame, now)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection has ended, whoever ended it."""
        self._detach()

    def pause_writing(self) -> None:
        """The socket does not drain: hold the reply, and cut the client when that lasts."""
        self.paused = True
        self._after("drain", DRAIN_TIMEOUT_S, self._cut)

    def resume_writing(self) -> None:
        """The socket drains again."""
        self.paused = False
        self._forget("drain")
        if self._session is not None:
            self._session.go_on()

    # -- frames and messages -------------------------------------------------------------------------------

    def _other_frame(self, transport: WSTransport, frame: WSFrame, now: int) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.PING:
            self._pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            self.close(1000, "")
            transport.disconnect()
        elif kind != WSMsgType.PONG:
            self._fragment(frame, now)

    def _fragment(self, frame: WSFrame, now: int) -> None:
        if (frame.msg_type == WSMsgType.CONTINUATION) != self._fragmented:
            self.close(1007, "fragment out of order")
            return
        self._fragmented = not frame.fin
        self._fragments += frame.get_payload_as_memoryview()
        if len(self._fragments) > MAX_MESSAGE_BYTES:
            self.close(1009, f"message above {MAX_MESSAGE_BYTES} bytes")
        elif frame.fin:
            message = bytes(self._fragments)
            self._fragments.clear()
            self._guarded(message, now)

    def _guarded(self, message: bytes, now: int) -> None:
        if self._transport is None:
            return
        try:
            self._message(message, now)
        except MalformedMessage as error:
            self.world.counts["malformed_messages"] += 1
            self.close(1007, str(error))

    def _message(self, message: bytes, now: int) -> None:
        kind, body = parse(message)
        if self._session is None:
            if kind != "setup":
                raise MalformedMessage("setup must be the first message, and come once")
            self._setup(parse_setup(body))
            return
        self._session.consumed += 1
        if kind == "realtimeInput":
            self._realtime(self._session, message, body, now)
        elif kind == "clientContent":
            self._content(self._session, body, now)
        elif kind == "toolResponse":
            self._session.tool_response(body, now)
        elif kind == "setup":
            raise MalformedMessage("setup must be the first message, and come once")

    def _realtime(self, session: Session, message: bytes, body: dict[str, Any], now: int) -> None:
        text = audio_text(body)
        if text is not None:
            pcm = decode_base64(text)
            if len(body) == 1:
                self._envelope.learn(message, text)
            session.audio(pcm, now)
        if field(body, "activityStart") is not None:
            session.interrupt()
        if field(body, "activityEnd") is not None or field(body, "audioStreamEnd"):
            session.activity_end(now)
        words = field(body, "text")
        if isinstance(words, str):
            session.text(words, True, now)

    def _content(self, session: Session, body: dict[str, Any], now: int) -> None:
        parts = [part for turn in items(body, "turns") for part in items(turn, "parts")]
        text = "\n".join(str(field(part, "text") or "") for part in parts)
        session.text(text, bool(field(body, "turnComplete")), now)

    # -- setup and resumption ------------------------------------------------------------------------------

    def _setup(self, setup: Setup) -> None:
        if not self._authorised:  # told after the first message, as the real service does
            self.close(1008, "API key not valid. Please pass a valid API key.")
            return
        session = self._resumed(setup) if setup.handle else None
        if setup.handle and session is None:
            return
        if session is None:
            number = setup.session if setup.session is not None else self.world.anonymous_number()
            session = Session(number, setup, self.world)
            self.world.counts["sessions"] += 1
        self._forget("setup")
        self._session = session
        late = self.world.faults.strike("late_setup", self.world.elapsed_s(), session.number, session.turns)
        if late is not None:
            self.paused = True  # the session must not speak before its setup is complete
            self._after("late", late.arg / 1000.0, lambda: self._ready(session))
        else:
            self._ready(session)

    def _resumed(self, setup: Setup) -> Session | None:
        session = self.world.handles.get(setup.handle)
        if session is None:
            self.close(1008, "BidiGenerateContent session not found")
            return None
        if self.world.faults.strike("resume_refused", self.world.elapsed_s(), session.number, session.turns):
            self.close(1007, "Request contains an invalid argument.")
            return None
        self.world.counts["resumptions"] += 1
        session.setup = setup
        return session

    def _ready(self, session: Session) -> None:
        self.paused = False
        session.attach(self)
        self.send(say.setup_complete(f"session-{session.number}"))
        session.offer_handle()
        session.go_on()
        self._limit_lifetime(session)

    def _limit_lifetime(self, session: Session) -> None:
        """The service warns before a connection's end by a tenth of its lifetime, at most 60 s."""
        lifetime_s = self.world.options.connection_lifetime_s
        if lifetime_s:
            left_s = min(60.0, lifetime_s / 10.0)
            self._after("lifetime", lifetime_s - left_s, lambda: self.go_away(left_s))
        for kind in AT_ONCE:
            if fault := self.world.faults.strike_window(kind, self.world.elapsed_s()):
                self.struck(kind, fault.arg)
                return

    # -- session.Link --------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Hand one message to the socket as a binary frame; a client that never reads is cut at MAX_UNSENT_BYTES."""
        transport = self._transport
        if transport is None:
            return
        transport.send(WSMsgType.BINARY, message)
        if self.paused and transport.underlying_transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._cut()

    def go_away(self, left_s: float) -> None:
        """Announce the end of this connection in `left_s` s, then close it with 1011, as the real service does."""
        self.world.counts["goaways"] += 1
        self.send(say.go_away(left_s))
        self._after("away", left_s, lambda: self.close(1011, "Deadline expired before operation could complete."))

    def close(self, code: int, reason: str) -> None:
        """Close with this code; 1006 cuts the connection without a close frame. The session lets go at once."""
        transport = self._transport
        if transport is None:
            return
        self.world.counts[f"closed_{code}"] += 1
        self._detach()
        if code == 1006:
            transport.disconnect(graceful=False)
            return
        transport.send_close(_CODES[code], reason.encode()[:120].decode(errors="ignore"))
        self._loop.call_later(CLOSE_TIMEOUT_S, transport.disconnect, False)  # the peer may never answer

    def struck(self, kind: str, arg: float) -> None:
        """Suffer a scheduled fault: goaway, or close_<code>."""
        if kind == "goaway":
            self.go_away(arg)
        else:
            self.close(int(kind.removeprefix("close_")), "fault on schedule")

    # -- the rest ------------------------------------------------------------------------------------------

    def _detach(self) -> None:
        self._transport = None
        self.world.connections.discard(self)
        for name in list(self._timers):
            self._forget(name)
        self._fragments.clear()
        session, self._session = self._session, None
        if session is not None:
            self.world.counts["messages_up"] += session.consumed - session.counted
            session.counted = session.consumed
            session.detach(self)

    def _pong(self, payload: bytes) -> None:
        number = self._session.number if self._session is not None else 0
        self._pings += 1
        slow = self.world.faults.strike("slow_pong", self.world.elapsed_s(), number, self._pings)
        if self._pongs >= MAX_PENDING_PONGS or self.paused:
            return
        self._pongs += 1
        if slow is None:
            self._send_pong(payload)
        else:
            self._loop.call_later(slow.arg / 1000.0, self._send_pong, payload)

    def _send_pong(self, payload: bytes) -> None:
        self._pongs -= 1
        if self._transport is not None:
            self._transport.send_pong(payload)

    def _cut(self) -> None:
        self.world.counts["clients_cut"] += 1
        self.close(1006, "")

    def _after(self, name: str, seconds: float, action: Any) -> None:
        self._forget(name)
        self._timers[name] = self._loop.call_later(seconds, action)

    def _forget(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
