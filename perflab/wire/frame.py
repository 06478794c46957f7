"""The voice client's frames: a 12-byte header and a payload, or the same as JSON with base64.

Binary, little endian: ``type u8 | flags u8 | turn u16 | seq u32 | t_ms u32 | payload``.
A reply frame (server to client) with `Flag.MARKS` set carries the turn's marks, 8 x int64 nanoseconds,
between header and payload, so that any reply frame shows how far its turn had come when it left.
"""

from __future__ import annotations

import base64
import json
import struct
from enum import IntEnum, IntFlag

import msgspec

from perflab.wire.marks import MARK_COUNT, NO_MARKS

HEADER = struct.Struct("<BBHII")
MARK_BLOCK = struct.Struct(f"<{MARK_COUNT}q")
MAX_FRAME_BYTES = 1 << 20


class FrameType(IntEnum):
    """What a frame carries; the JSON form uses the lower-case name."""

    AUDIO = 1  # PCM int16 mono, 16 kHz up and 24 kHz down, or what `start` agreed upon (audio_format)
    TEXT = 2  # UTF-8 transcript of the reply
    CONTROL = 3  # UTF-8 JSON object with an "op"


class Flag(IntFlag):
    """Bits of a frame's flags."""

    NONE = 0
    MARKS = 1  # reply frame: the marks block follows the header
    END_OF_SPEECH = 2  # client: this is the last voiced frame of the utterance
    END_OF_TURN = 4  # server: the last frame of the reply
    INTERRUPTED = 8  # server: the reply was cut off by barge-in


# A frame passes here every 20 ms of each session: a table costs a tenth of what the enumerations' own calls and
# operators do in Python 3.11.
_TYPES = {int(kind): kind for kind in FrameType}
_FLAGS = tuple(Flag(bits) for bits in range(16))
_MARKS = int(Flag.MARKS)


class FrameError(ValueError):
    """A frame that cannot be decoded: too short, too long, unknown type or malformed JSON."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame of either direction; `marks` is all zero except in replies.

    A struct, because a frozen dataclass takes five times as long to make, and one is made every 20 ms per session.
    """

    type: FrameType
    turn: int
    seq: int
    t_ms: int
    payload: bytes
    flags: Flag = Flag.NONE
    marks: tuple[int, ...] = NO_MARKS


def encode_binary(frame: Frame) -> bytes:
    """Return the frame as header, optional marks block and payload; `t_ms` wraps at 2**32."""
    head = HEADER.pack(frame.type, frame.flags, frame.turn & 0xFFFF, frame.seq & 0xFFFFFFFF, frame.t_ms & 0xFFFFFFFF)
    if int(frame.flags) & _MARKS:
        return head + MARK_BLOCK.pack(*frame.marks) + frame.payload
    return head + frame.payload


def decode_binary(message: bytes | bytearray | memoryview) -> Frame:
    """Return the frame in one WebSocket message; raises FrameError with the reason."""
    size = len(message)
    if not HEADER.size <= size <= MAX_FRAME_BYTES:
        raise FrameError(f"frame of {size} bytes; must be {HEADER.size} to {MAX_FRAME_BYTES}")
    kind, bits, turn, seq, t_ms = HEADER.unpack_from(message)
    frame_type = _TYPES.get(kind)
    if frame_type is None:
        raise FrameError(f"frame type {kind}; must be one of {[*_TYPES]}")
    flags, offset, marks = _FLAGS[bits & 0x0F], HEADER.size, NO_MARKS
    if bits & _MARKS:
        if size < offset + MARK_BLOCK.size:
            raise FrameError(f"frame of {size} bytes; a marks block needs {offset + MARK_BLOCK.size}")
        marks, offset = MARK_BLOCK.unpack_from(message, offset), offset + MARK_BLOCK.size
    return Frame(frame_type, turn, seq, t_ms, bytes(message[offset:]), flags, marks)


def encode_json64(frame: Frame) -> str:
    """Return the frame as one JSON text: audio as base64, text and control as they are."""
    body: dict[str, object] = {
        "type": frame.type.name.lower(),
        "turn": frame.turn,
        "seq": frame.seq,
        "t_ms": frame.t_ms,
    }
    if frame.flags:
        body["flags"] = int(frame.flags)
    if frame.flags & Flag.MARKS:
        body["marks"] = list(frame.marks)
    if frame.type is FrameType.AUDIO:
        body["data"] = base64.b64encode(frame.payload).decode("ascii")
    else:
        body["data"] = frame.payload.decode("utf-8")
    return json.dumps(body)


def decode_json64(message: str | bytes) -> Frame:
    """Return the frame in one JSON text; raises FrameError with the reason."""
    if len(message) > 2 * MAX_FRAME_BYTES:
        raise FrameError(f"frame of {len(message)} characters; must be at most {2 * MAX_FRAME_BYTES}")
    try:
        body = json.loads(message)
        frame_type = FrameType[str(body["type"]).upper()]
        data = str(body.get("data", ""))
        payload = base64.b64decode(data, validate=True) if frame_type is FrameType.AUDIO else data.encode("utf-8")
        marks = tuple(int(value) for value in body["marks"]) if "marks" in body else NO_MARKS
        numbers = int(body["turn"]), int(body["seq"]), int(body["t_ms"])
        flags = Flag(int(body.get("flags", 0)) & 0x0F)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise FrameError(f"malformed JSON frame: {type(error).__name__}: {error}") from None
    if len(marks) != MARK_COUNT:
        raise FrameError(f"{len(marks)} marks; must be {MARK_COUNT}")
    if marks is not NO_MARKS and max(map(abs, marks)) >= 1 << 63:  # what a row of the log holds
        raise FrameError("a mark beyond 64 bits")
    if not 0 <= numbers[0] < 1 << 16:  # what the binary header holds
        raise FrameError(f"turn {numbers[0]}; must be 0 to 65535")
    return Frame(frame_type, *numbers, payload, flags, marks)
