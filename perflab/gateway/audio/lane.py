"""One session's way through the stages: what comes in is checked and cut into frames, what comes out is passed on."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import msgspec

from perflab.gateway.audio.plan import AudioPlan, converts_down
from perflab.gateway.audio.silence_gate import SilenceGate
from perflab.gateway.audio.stages import DOWN_BYTES, Measured
from perflab.gateway.audio.turn_end import Event
from perflab.gateway.session.turn import Turn
from perflab.wire.audio_format import AudioFormat
from perflab.wire.frame import Flag, Frame, FrameError

MOST_FRAMES = 10  # of 20 ms in one message
FULL_SCALE = 32768.0
TAIL_BYTES = 600  # 12.5 ms at 24 kHz: the longest filter (11.8 ms, to 8 kHz), or the one to 16 kHz and Opus's lookahead
Pending = Awaitable[None] | None


@dataclass(slots=True)
class Heard:
    """What was found in one session's audio since it began; `energy` is the sum of the voiced frames' mean squares."""

    frames: int = 0
    voiced: int = 0
    suppressed: int = 0
    turns: int = 0  # ends of speech that were found
    refused: int = 0  # packets that could not be decoded and were concealed
    peak: float = 0.0
    energy: float = 0.0
    bytes_in: int = 0  # as they came from the client, and as they went to it
    bytes_out: int = 0

    @property
    def speech_dbfs(self) -> float | None:
        """The level of the voiced frames in dB of full scale; None before there is one."""
        return 10 * math.log10(self.energy / self.voiced / FULL_SCALE**2) if self.voiced else None

    def summary(self) -> dict[str, Any]:
        """Return the figures, and the speech's level rounded to a tenth of a dB."""
        loud = self.speech_dbfs
        figures = {key: value for key, value in asdict(self).items() if key != "energy"}
        return {**figures, "speech_dbfs": None if loud is None else round(loud, 1)}


class AudioSink(Protocol):
    """The conversation behind a lane."""

    def speech(self, frame: Frame, received_ns: int) -> Pending:
        """Take a frame at Live's rate."""

    def voice_ended(self, turn: int, received_ns: int, sent_ns: int) -> None:
        """The end of a turn's speech was found: its last voiced frame came, and went up, at these times."""

    def reply_audio(self, turn: Turn, audio: bytes) -> None:
        """Take a frame of the reply in the client's form."""

    def fail(self, message: str) -> None:
        """End the session."""


class Lane:
    """What the ways of computing have in common; `gate` is None where silence goes up."""

    def __init__(self, plan: AudioPlan, form: AudioFormat, sink: AudioSink, gate: SilenceGate | None) -> None:
        self._sink, self._gate, self._listens = sink, gate, plan.listens
        self._form, self._frame_bytes = form, form.frame_up_bytes
        self._converts_down = converts_down(form)
        self._rest = b""  # reply audio that does not fill a frame yet
        self._rest_turn: Turn | None = None
        self._last_voiced = (0, 0)  # when the last voiced frame came, and when it had gone up
        self.heard = Heard()

    def pieces(self, frame: Frame) -> Sequence[Frame]:
        """Return a client's message as frames of 20 ms; raises FrameError for any other length."""
        payload, size = frame.payload, self._frame_bytes
        self.heard.bytes_in += len(payload)
        if len(payload) == size or (self._form.codec == "opus" and 0 < len(payload) < size):
            return (frame,)
        if self._form.codec == "opus":
            raise FrameError(f"a packet of Opus with {len(payload):,} bytes; one frame of 20 ms has 1 to {size:,}")
        count = len(payload) // size
        if len(payload) % size or count > MOST_FRAMES:
            raise FrameError(f"audio of {len(payload)} bytes; at {self._form.rate_up} Hz a frame of 20 ms has {size}: "
                             f"send 1 to {MOST_FRAMES} whole frames")  # fmt: skip
        before = Flag(frame.flags & ~Flag.END_OF_SPEECH)
        return [
            msgspec.structs.replace(
                frame, payload=payload[at * size : (at + 1) * size], flags=frame.flags if at == count - 1 else before
            )
            for at in range(count)
        ]

    def pass_on(self, frame: Frame, received_ns: int, found: Measured, event: Event, now_ns: int) -> Pending:
        """Count what was found in a frame and give it to the conversation; raises ValueError as that does."""
        heard = self.heard
        heard.frames += 1
        if self._gate is not None:
            self._gate.voiced = found.voiced
        if found.pcm is not frame.payload:
            frame = Frame(frame.type, frame.turn, frame.seq, frame.t_ms, found.pcm, frame.flags)
        pending = self._sink.speech(frame, received_ns)
        if found.voiced:
            heard.voiced += 1
            heard.energy += found.rms * found.rms
            heard.peak = max(heard.peak, found.peak)
            self._last_voiced = (received_ns, now_ns)
        elif event is Event.ENDED:
            heard.turns += 1
            self._sink.voice_ended(frame.turn, *self._last_voiced)
        return pending

    def reply_frames(self, turn: Turn, pcm: bytes) -> list[bytes]:
        """Return the whole frames of Live's audio that this piece completes."""
        held = self._rest + pcm if self._rest_turn is turn else pcm
        whole = len(held) // DOWN_BYTES * DOWN_BYTES
        self._rest, self._rest_turn = held[whole:], turn
        return [held[at : at + DOWN_BYTES] for at in range(0, whole, DOWN_BYTES)]

    def last_reply_frames(self, turn: Turn) -> list[bytes]:
        """Return what is left of a reply as one frame or two, with silence until the conversion holds none of it.

        None where `reply_frames` had no audio of this turn, as in a form whose audio passes as it is.
        """
        if self._rest_turn is not turn:
            return []
        fill = -len(self._rest) % DOWN_BYTES
        last = self._rest + bytes(fill if fill >= TAIL_BYTES else fill + DOWN_BYTES)
        self.forget_reply()
        return [last[at : at + DOWN_BYTES] for at in range(0, len(last), DOWN_BYTES)]

    def forget_reply(self) -> None:
        """Nothing of a reply is to come any more."""
        self._rest, self._rest_turn = b"", None

    def answer(self, turn: Turn, audio: bytes) -> None:
        """Give a frame of the reply to the conversation."""
        self.heard.bytes_out += len(audio)
        self._sink.reply_audio(turn, audio)

    def summary(self) -> Heard:
        """Return what was found so far."""
        if self._gate is not None:
            self.heard.suppressed = self._gate.suppressed
        return self.heard
