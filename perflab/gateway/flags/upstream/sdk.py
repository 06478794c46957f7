"""Gemini Live through the google-genai SDK, one `send_realtime_input` per client frame, one receiving task."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Any

from google import genai
from google.genai import errors, live, types
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

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
from perflab.gateway.settings import Settings, api_key
from perflab.wire.marks import now_ns

log = logging.getLogger("perflab.gateway.live")
CLOSE_S = 1.0


class SdkLink:
    """One `client.aio.live.connect` session."""

    def __init__(self, sink: LiveSink) -> None:
        self._sink = sink
        self._stack = AsyncExitStack()
        self._session: live.AsyncSession
        self._receiver: asyncio.Task[None] | None = None

    async def open(self, client: genai.Client, model: str, config: types.LiveConnectConfig) -> None:
        """Connect and start to receive."""
        self._session = await self._stack.enter_async_context(client.aio.live.connect(model=model, config=config))
        self._receiver = asyncio.create_task(self._receive())

    async def send_audio(self, pcm: bytes) -> None:
        """Send one frame; the receiving task reports a lost connection."""
        try:
            await self._session.send_realtime_input(audio=types.Blob(data=pcm, mime_type=AUDIO_MIME))
        except ConnectionClosed as error:
            log.debug("audio not sent: %s", error)

    async def send_audio_end(self) -> None:
        """Say that the stream pauses."""
        try:
            await self._session.send_realtime_input(audio_stream_end=True)
        except ConnectionClosed as error:
            log.debug("end of audio not sent: %s", error)

    async def send_tool_response(self, call: ToolCall, response: dict[str, Any]) -> None:
        """Answer a tool call."""
        answer = types.FunctionResponse(id=call.id, name=call.name, response=response)
        try:
            await self._session.send_tool_response(function_responses=answer)
        except ConnectionClosed as error:
            log.debug("tool response not sent: %s", error)

    async def close(self) -> None:
        """Stop receiving and close the socket."""
        if self._receiver is not None:
            self._receiver.cancel()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._stack.aclose()
        except (OSError, TimeoutError, WebSocketException) as error:
            log.debug("closing Live: %s", error)

    async def _receive(self) -> None:
        try:
            while True:  # receive() ends after each turn
                async for message in self._session.receive():
                    self._dispatch(message)
        except errors.APIError as error:
            self._sink.live_lost(error.code, error.message or "")
        except (ConnectionClosed, ValueError) as error:  # ValueError: a message that is no JSON
            self._sink.live_lost(1007, f"{type(error).__name__}: {error}")
        except Exception as error:  # nobody awaits this task: whatever ends it must end the session's silence
            log.exception("receiving from Live")
            self._sink.live_lost(1011, f"{type(error).__name__}: {error}")

    def _dispatch(self, message: types.LiveServerMessage) -> None:
        received = now_ns()
        if message.server_content:
            self._content(message.server_content, received)
        if message.tool_call and message.tool_call.function_calls:
            calls = [ToolCall(c.id or "", c.name or "", c.args or {}) for c in message.tool_call.function_calls]
            self._sink.live_tool_calls(calls, received)
        if message.tool_call_cancellation and message.tool_call_cancellation.ids:
            self._sink.live_tool_cancelled(message.tool_call_cancellation.ids)
        if message.session_resumption_update and message.session_resumption_update.resumable:
            self._sink.live_handle(message.session_resumption_update.new_handle or "")
        if message.go_away:
            self._sink.live_go_away(seconds(message.go_away.time_left))

    def _content(self, content: types.LiveServerContent, received: int) -> None:
        if content.input_transcription and content.input_transcription.text:
            self._sink.live_heard(content.input_transcription.text)
        if content.output_transcription and content.output_transcription.text:
            self._sink.live_text(content.output_transcription.text)
        for part in (content.model_turn.parts if content.model_turn else None) or []:
            if part.inline_data and part.inline_data.data:
                self._sink.live_audio(part.inline_data.data, received)
        if content.interrupted:
            self._sink.live_interrupted()
        if content.turn_complete:
            self._sink.live_turn_complete()


class SdkUpstream:
    """One SDK client for all sessions."""

    def __init__(self, settings: Settings) -> None:
        options = types.HttpOptions(base_url=settings.live_url) if settings.live_url else None
        self._client = genai.Client(api_key=api_key(), http_options=options)
        self._timeout_s = settings.limits.connect_s

    async def connect(self, setup: LiveSetup, sink: LiveSink) -> SdkLink:
        """Open one Live session."""
        link = SdkLink(sink)
        try:
            async with asyncio.timeout(self._timeout_s):
                await link.open(self._client, setup.model, live_config(setup))
        except InvalidStatus as error:
            raise LiveRefused(error.response.status_code, "handshake refused") from None
        except errors.APIError as error:
            raise LiveRefused(error.code, error.message or "") from None
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            raise LiveRefused(0, f"{type(error).__name__}: {error}") from None
        return link

    async def close(self) -> None:
        """Close the SDK's HTTP client."""
        await self._client.aio.aclose()


def live_config(setup: LiveSetup) -> types.LiveConnectConfig:
    """Return the SDK's form of a setup. Live rejects a null handle (1008), so a first connection names none."""
    resumption = types.SessionResumptionConfig(handle=setup.handle) if setup.handle else types.SessionResumptionConfig()
    detection = types.AutomaticActivityDetection(silence_duration_ms=SILENCE_MS)
    return types.LiveConnectConfig(
        response_modalities=[types.Modality.AUDIO],
        system_instruction=setup.system_instruction,
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration.model_validate(TOOL)])],
        session_resumption=resumption,
        input_audio_transcription=types.AudioTranscriptionConfig(),
        output_audio_transcription=types.AudioTranscriptionConfig(),
        realtime_input_config=types.RealtimeInputConfig(automatic_activity_detection=detection),
        context_window_compression=types.ContextWindowCompressionConfig(sliding_window=types.SlidingWindow()),
    )


def build(settings: Settings) -> SdkUpstream:
    """Return the client."""
    return SdkUpstream(settings)
