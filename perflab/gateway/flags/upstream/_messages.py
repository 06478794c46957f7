"""Gemini Live's server messages as typed structs: msgspec parses the JSON and its base64 in one pass."""

from __future__ import annotations

from typing import Any

import msgspec


class Message(msgspec.Struct, rename="camel", gc=False):
    """Fields that are not named here are skipped without being built."""


class InlineData(Message):
    """A piece of audio."""

    mime_type: str = ""
    data: bytes = b""


class Part(Message):
    """One part of the model's turn."""

    inline_data: InlineData | None = None


class ModelTurn(Message):
    """What the model says."""

    parts: list[Part] = []


class Transcription(Message):
    """A piece of transcript."""

    text: str = ""


class ServerContent(Message):
    """A reply, or a piece of it."""

    model_turn: ModelTurn | None = None
    input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    interrupted: bool = False
    turn_complete: bool = False


class FunctionCall(Message):
    """A function to run."""

    id: str = ""
    name: str = ""
    args: dict[str, Any] = {}


class ToolCalls(Message):
    """Functions to run."""

    function_calls: list[FunctionCall] = []


class ToolCancellation(Message):
    """Functions to stop."""

    ids: list[str] = []


class GoAway(Message):
    """The connection will close; `time_left` is a protobuf duration such as ``50s``."""

    time_left: str = ""


class ResumptionUpdate(Message):
    """How the session can be resumed."""

    new_handle: str = ""
    resumable: bool = False


class ServerMessage(Message):
    """Anything that Live sends."""

    setup_complete: dict[str, Any] | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCalls | None = None
    tool_call_cancellation: ToolCancellation | None = None
    go_away: GoAway | None = None
    session_resumption_update: ResumptionUpdate | None = None
