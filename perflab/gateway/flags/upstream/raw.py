"""Gemini Live's protocol written directly on picows: audio goes up in a byte template, replies come down typed.

The SDK builds and validates pydantic models for every 20 ms frame and every piece of reply; here a frame costs one
base64 call and two concatenations. Source of the message forms: ai.google.dev/api/live.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from binascii import b2a_base64
from typing import Any, cast

import msgspec
from picows import WSCloseCode, WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from perflab.gateway.flags.upstream import (
    AUDIO_MIME,
    SILENCE_MS,
    TOOL,
    LiveRefused,
    LiveSetup,
    LiveSink,
    ToolCall,
    seconds,
)  # fmt: skip
from perflab.gateway.flags.upstream._messages import ServerContent, ServerMessage
from perflab.gateway.settings import Settings, api_key
from perflab.wire.marks import now_ns

log = logging.getLogger("perflab.gateway.live")
SERVICE_URL = "https://generativelanguage.googleapis.com"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
AUDIO_HEAD = b'{"realtimeInput":{"audio":{"mimeType":"' + AUDIO_MIME.encode() + b'","data":"'
AUDIO_TAIL = b'"}}}'
AUDIO_END = b'{"realtimeInput":{"audioStreamEnd":true}}'
TEXT = WSMsgType.TEXT
_decode = msgspec.json.Decoder(ServerMessage).decode
_encode = msgspec.json.encode


class RawLink(WSListener):
    """One WebSocket to Live; everything happens in the callback that the data arrives in."""

    def __init__(self, sink: LiveSink, unsent_limit: int) -> None:
        super().__init__()
        self._sink: LiveSink | None = sink
        self._unsent_limit = unsent_limit
        self._transport: WSTransport
        self._fragments: list[bytes] = []
        self._paused = False
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def pause_writing(self) -> None:
        """Live does not read as fast as the client speaks."""
        self._paused = True

    def resume_writing(self) -> None:
        """Live reads again."""
        self._paused = False

    def send_setup(self, setup: LiveSetup) -> None:
        """Send the first message."""
        self._transport.send(TEXT, _encode(setup_message(setup)))

    def send_audio(self, pcm: bytes) -> None:
        """Write a piece of audio to the socket."""
        if self._paused and self._transport.underlying_transport.get_write_buffer_size() > self._unsent_limit:
            self._lost(1013, "Live does not read")
            return
        self._transport.send(TEXT, AUDIO_HEAD + b2a_base64(pcm, newline=False) + AUDIO_TAIL)

    def send_audio_end(self) -> None:
        """Say that the stream pauses."""
        self._transport.send(TEXT, AUDIO_END)

    async def send_tool_response(self, call: ToolCall, response: dict[str, Any]) -> None:
        """Answer a tool call."""
        answer = {"id": call.id, "name": call.name, "response": response}
        self._transport.send(TEXT, _encode({"toolResponse": {"functionResponses": [answer]}}))

    async def close(self) -> None:
        """Close the socket."""
        self._sink = None
        self._transport.send_close(WSCloseCode.OK)
        self._transport.disconnect()
        try:
            async with asyncio.timeout(1.0):
                await self._transport.wait_disconnected()
        except TimeoutError:
            log.debug("Live did not close its side")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Collect a message and pass it on."""
        received = now_ns()
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        if frame.msg_type in (WSMsgType.PING, WSMsgType.PONG):
            return  # picows answers pings itself
        if self._fragments or not frame.fin:
            self._fragments.append(frame.get_payload_as_bytes())
            if frame.fin:
                whole, self._fragments = b"".join(self._fragments), []
                self._message(whole, received)
            return
        self._message(frame.get_payload_as_memoryview(), received)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Report the loss with Live's close code, 1006 when it gave none."""
        close = transport.close_handshake.recv if transport.close_handshake else None
        self._lost(int(close.code.value), close.reason or "") if close else self._lost(1006, "connection lost")

    def _lost(self, code: int, reason: str) -> None:
        if not self.accepted.done():
            self.accepted.set_exception(LiveRefused(code, reason))
        elif self._sink is not None:
            sink, self._sink = self._sink, None
            sink.live_lost(code, reason)
        self._transport.disconnect()

    def _message(self, raw: bytes | memoryview, received: int) -> None:
        try:
            message = _decode(raw)
        except msgspec.MsgspecError as error:
            self._lost(1007, f"a message that cannot be read: {error}")
            return
        if message.server_content is not None and self._sink is not None:
            self._content(self._sink, message.server_content, received)
        self._rare(message, received)

    def _content(self, sink: LiveSink, content: ServerContent, received: int) -> None:
        if content.input_transcription is not None and content.input_transcription.text:
            sink.live_heard(content.input_transcription.text)
        if content.output_transcription is not None and content.output_transcription.text:
            sink.live_text(content.output_transcription.text)
        if content.model_turn is not None:
            for part in content.model_turn.parts:
                if part.inline_data is not None and part.inline_data.data:
                    sink.live_audio(part.inline_data.data, received)
        if content.interrupted:
            sink.live_interrupted()
        if content.turn_complete:
            sink.live_turn_complete()

    def _rare(self, message: ServerMessage, received: int) -> None:
        if message.setup_complete is not None and not self.accepted.done():
            self.accepted.set_result(None)
        sink = self._sink
        if sink is None:
            return
        if message.tool_call is not None:
            calls = [ToolCall(call.id, call.name, call.args) for call in message.tool_call.function_calls]
            sink.live_tool_calls(calls, received)
        if message.tool_call_cancellation is not None:
            sink.live_tool_cancelled(message.tool_call_cancellation.ids)
        if message.session_resumption_update is not None and message.session_resumption_update.resumable:
            sink.live_handle(message.session_resumption_update.new_handle)
        if message.go_away is not None:
            sink.live_go_away(seconds(message.go_away.time_left))


class RawUpstream:
    """One TLS context for all connections, so that they can resume each other's TLS sessions."""

    def __init__(self, settings: Settings) -> None:
        self._url = "wss" + (settings.live_url or SERVICE_URL).removeprefix("https") + PATH
        self._headers = {"x-goog-api-key": api_key()}
        self._context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        self._limits = settings.limits

    async def connect(self, setup: LiveSetup, sink: LiveSink) -> RawLink:
        """Open a WebSocket, send the setup and wait for its acceptance."""
        try:
            async with asyncio.timeout(self._limits.connect_s):
                _, listener = await ws_connect(
                    lambda: RawLink(sink, self._limits.unanswered_bytes), self._url, ssl_context=self._context,
                    extra_headers=self._headers, max_frame_size=self._limits.live_message_bytes,
                )  # fmt: skip
                link = cast(RawLink, listener)
                await _accepted(link, setup)
        except WSHandshakeError as error:
            status = error.response.status if error.response is not None else 0
            raise LiveRefused(int(status), "handshake refused") from None
        except (OSError, TimeoutError, WSError) as error:
            raise LiveRefused(0, f"{type(error).__name__}: {error}") from None
        return link

    async def close(self) -> None:
        """Nothing is shared but the context."""


async def _accepted(link: RawLink, setup: LiveSetup) -> None:
    try:
        link.send_setup(setup)
        await link.accepted
    except BaseException:
        await link.close()
        raise


def setup_message(setup: LiveSetup) -> dict[str, Any]:
    """Return the first message of a connection. Live rejects a null handle (1008), so a first connection names none."""
    return {"setup": {
        "model": setup.model if setup.model.startswith("models/") else f"models/{setup.model}",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "systemInstruction": {"parts": [{"text": setup.system_instruction}], "role": "user"},
        "tools": [{"functionDeclarations": [TOOL]}],
        "sessionResumption": {"handle": setup.handle} if setup.handle else {},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": SILENCE_MS}},
        "contextWindowCompression": {"slidingWindow": {}},
    }}  # fmt: skip


def build(settings: Settings) -> RawUpstream:
    """Return the client."""
    return RawUpstream(settings)
