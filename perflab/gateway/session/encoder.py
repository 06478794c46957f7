"""Reply frames: numbered, stamped with the turn's marks at the moment they go to the socket."""

from __future__ import annotations

import json
from typing import Any

from perflab.gateway.flags.frames import FrameCodec
from perflab.gateway.session.turn import Turn
from perflab.wire.frame import Flag, Frame, FrameType
from perflab.wire.marks import NO_MARKS, Mark, now_ns

MARKS = tuple(Flag(bits) | Flag.MARKS for bits in range(16))  # IntFlag arithmetic costs a microsecond, once is enough


class ReplyEncoder:
    """Encodes one session's frames to the client."""

    def __init__(self, codec: FrameCodec) -> None:
        self._codec = codec
        self._seq = 0
        self._start_ns = now_ns()

    def control(self, body: dict[str, Any]) -> str | bytes:
        """Return a CONTROL message."""
        return self._encode(FrameType.CONTROL, 0, json.dumps(body).encode("utf-8"), Flag.NONE, NO_MARKS)

    def reply(self, turn: Turn, kind: FrameType, payload: bytes, flags: Flag) -> str | bytes:
        """Stamp what leaves with this frame and return its message."""
        if kind is FrameType.AUDIO:
            turn.mark(Mark.TX_FIRST)
        if flags:
            turn.mark(Mark.TX_LAST)
        return self._encode(kind, turn.id, payload, MARKS[flags], tuple(turn.marks))

    def _encode(self, kind: FrameType, turn: int, payload: bytes, flags: Flag, marks: tuple[int, ...]) -> str | bytes:
        self._seq += 1
        t_ms = (now_ns() - self._start_ns) // 1_000_000
        return self._codec.encode(Frame(kind, turn, self._seq, t_ms, payload, flags, marks))
