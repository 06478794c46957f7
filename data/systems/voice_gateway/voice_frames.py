"""The client's side of the voice protocol in both forms, as cheap per frame as Python lets it be.

What does not change from frame to frame (WebSocket header, base64 of the recording) is made once per phrase. Test
and load agree with perflab.wire.frame: the bytes are those that its encoders would make.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from voice_audio import FRAME_BYTES

from perflab.load.websocket import BINARY, TEXT, Message, encode_frame, frame_head
from perflab.wire.frame import (
    HEADER,
    Flag,
    Frame,
    FrameError,
    FrameType,
    decode_binary,
    decode_json64,
    encode_binary,
    encode_json64,
)

AUDIO = int(FrameType.AUDIO)
START = {"op": "start", "template": "assistant"}


@dataclass(frozen=True)
class Clip:
    """A phrase ready to be sent: one prepared payload for each 20 ms frame, the last one voiced."""

    name: str
    payloads: tuple[bytes, ...]


class Form(Protocol):
    """One form of the protocol, as the system's flag `frames` names it."""

    silence: bytes  # a prepared frame of silence

    def prepare(self, pcm: bytes) -> bytes:
        """Return what of a frame depends on its audio alone."""

    def audio(self, turn: int, seq: int, t_ms: int, flags: int, prepared: bytes) -> bytes:
        """Return the wire bytes of an AUDIO frame."""

    def control(self, body: dict[str, object]) -> bytes:
        """Return the wire bytes of a CONTROL frame."""

    def read(self, message: Message) -> Frame:
        """Return the frame in a message of the server; raises FrameError."""


class BinaryForm:
    """12-byte header and PCM in binary messages."""

    def __init__(self, silence: bytes = bytes(FRAME_BYTES)) -> None:
        self.silence, self._usual = silence, len(silence)
        self._head = frame_head(BINARY, HEADER.size + self._usual)

    def prepare(self, pcm: bytes) -> bytes:
        """Return the PCM as it is."""
        return pcm

    def audio(self, turn: int, seq: int, t_ms: int, flags: int, prepared: bytes) -> bytes:
        """Return the wire bytes of an AUDIO frame."""
        size = len(prepared)
        head = self._head if size == self._usual else frame_head(BINARY, HEADER.size + size)
        return head + HEADER.pack(AUDIO, flags, turn, seq, t_ms) + prepared

    def control(self, body: dict[str, object]) -> bytes:
        """Return the wire bytes of a CONTROL frame."""
        return encode_frame(BINARY, encode_binary(_control_frame(body)))

    def read(self, message: Message) -> Frame:
        """Return the frame in a binary message."""
        if message.opcode != BINARY:
            raise FrameError("a text message, though the flag says binary")
        return decode_binary(message.data)


class Json64Form:
    """JSON with base64 in text messages."""

    def __init__(self, silence: bytes = bytes(FRAME_BYTES)) -> None:
        self.silence = self.prepare(silence)

    def prepare(self, pcm: bytes) -> bytes:
        """Return the PCM as base64."""
        return base64.b64encode(pcm)

    def audio(self, turn: int, seq: int, t_ms: int, flags: int, prepared: bytes) -> bytes:
        """Return the wire bytes of an AUDIO frame."""
        extra = b', "flags": %d' % flags if flags else b""
        body = b'{"type": "audio", "turn": %d, "seq": %d, "t_ms": %d%b, "data": "%b"}' % (
            turn, seq, t_ms, extra, prepared,
        )  # fmt: skip
        return frame_head(TEXT, len(body)) + body

    def control(self, body: dict[str, object]) -> bytes:
        """Return the wire bytes of a CONTROL frame."""
        return encode_frame(TEXT, encode_json64(_control_frame(body)).encode())

    def read(self, message: Message) -> Frame:
        """Return the frame in a text message."""
        if message.opcode != TEXT:
            raise FrameError("a binary message, though the flag says json64")
        return decode_json64(message.data)


FORMS: dict[str, type[BinaryForm] | type[Json64Form]] = {"binary": BinaryForm, "json64": Json64Form}


def form_named(name: str, silence: bytes = bytes(FRAME_BYTES)) -> Form:
    """Return the form of that name for a microphone with this silence; raises ValueError listing those that exist."""
    if name not in FORMS:
        raise ValueError(f"frames = {name!r}: must be one of {', '.join(FORMS)}")
    return FORMS[name](silence)


def clips(form: Form, named_frames: Sequence[tuple[str, list[bytes]]]) -> list[Clip]:
    """Return phrases, given as (name, the microphone's frames), prepared for a form."""
    return [Clip(name, tuple(form.prepare(pcm) for pcm in frames)) for name, frames in named_frames]


def _control_frame(body: dict[str, object]) -> Frame:
    return Frame(FrameType.CONTROL, 0, 0, 0, json.dumps(body).encode(), Flag.NONE)
