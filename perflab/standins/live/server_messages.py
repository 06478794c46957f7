"""What the service sends: complete JSON messages as bytes, sent in binary frames as the real service does."""

from __future__ import annotations

from typing import Any

import orjson

INTERRUPTED = b'{"serverContent":{"interrupted":true}}'
GENERATION_COMPLETE = b'{"serverContent":{"generationComplete":true}}'
NOT_JSON = b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":'
TOKENS_PER_SECOND = 25  # of audio, both ways


def setup_complete(session_id: str) -> bytes:
    """Return the answer to setup."""
    return orjson.dumps({"setupComplete": {"sessionId": session_id}})


def input_transcription(text: str) -> bytes:
    """Return the transcript of what the user said."""
    return orjson.dumps({"serverContent": {"inputTranscription": {"text": text, "finished": True}}})


def output_transcription(text: str) -> bytes:
    """Return the transcript of the reply."""
    return orjson.dumps({"serverContent": {"outputTranscription": {"text": text, "finished": True}}})


def text_part(text: str) -> bytes:
    """Return reply text, for sessions whose response modality is TEXT."""
    return orjson.dumps({"serverContent": {"modelTurn": {"role": "model", "parts": [{"text": text}]}}})


def tool_call(call_id: str, name: str, args: dict[str, Any]) -> bytes:
    """Return a call of one of the client's functions."""
    return orjson.dumps({"toolCall": {"functionCalls": [{"id": call_id, "name": name, "args": args}]}})


def tool_cancellation(call_id: str) -> bytes:
    """Return the notice that a call's response is no longer wanted."""
    return orjson.dumps({"toolCallCancellation": {"ids": [call_id]}})


def turn_complete(bytes_up: int, bytes_down: int) -> bytes:
    """Return the end of a turn with its usage, counted from PCM bytes at 16 kHz up and 24 kHz down."""
    prompt, reply = bytes_up * TOKENS_PER_SECOND // 32_000, bytes_down * TOKENS_PER_SECOND // 48_000
    usage = {"promptTokenCount": prompt, "responseTokenCount": reply, "totalTokenCount": prompt + reply}
    return orjson.dumps({"serverContent": {"turnComplete": True}, "usageMetadata": usage})


def go_away(seconds: float) -> bytes:
    """Return the notice that the connection ends in `seconds`."""
    return orjson.dumps({"goAway": {"timeLeft": f"{seconds:g}s"}})


def resumption_update(handle: str, consumed: int | None) -> bytes:
    """Return a resumption handle; `consumed` is the index of the last client message that its state includes."""
    update: dict[str, Any] = {"newHandle": handle, "resumable": True}
    if consumed is not None:
        update["lastConsumedClientMessageIndex"] = str(consumed)
    return orjson.dumps({"sessionResumptionUpdate": update})


def padding(size: int) -> bytes:
    """Return a valid message of about `size` bytes that carries nothing."""
    return orjson.dumps({"serverContent": {"modelTurn": {"parts": [{"text": "", "thought": True}]}}}) + b" " * size
