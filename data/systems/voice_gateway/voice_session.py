"""One voice session: a microphone that is always open, a pair of ears, and a row for every turn.

The microphone is a stream on absolute deadlines (frame k at start + k * 20 ms), walked by the pacer; the ears are a
greenlet of their own. A turn's row counts from the INTENDED send time of its last voiced frame, so neither a late
generator nor a system that stops reading can hide waiting.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from gevent.event import Event
from voice_frames import Clip, Form

from perflab.load.generator import Generator
from perflab.load.stream import FrameStream
from perflab.load.unit_rows import Unit
from perflab.load.websocket import Message, WebSocket
from perflab.wire.frame import Flag, Frame, FrameType

FRAME_NS = 20_000_000
END_OF_SPEECH, END_OF_TURN, INTERRUPTED = map(int, (Flag.END_OF_SPEECH, Flag.END_OF_TURN, Flag.INTERRUPTED))


@dataclass(frozen=True)
class Habits:
    """How this user speaks; every draw is a function of the turn alone, so it is the same in every arm."""

    choose: Callable[[int], Clip]
    think_frames: Callable[[int], int]  # frames of silence after the turn's reply
    barge_frames: Callable[[int], int]  # frames after the first reply audio at which it interrupts; 0 = it listens
    last_ns: int  # no phrase is due to end after this
    turns: int  # how many turns to take; 0 = as many as fit
    timeout_ns: int


@dataclass(slots=True)
class Turn:
    """A turn that is being spoken or answered."""

    unit: Unit
    up_before: int
    audio_crc: int = 0
    text_crc: int = 0
    faults: list[str] = field(default_factory=list)


class VoiceSession(FrameStream):
    """Speaks and listens until its user has said all; then `done` is set."""

    def __init__(
        self, generator: Generator, socket: WebSocket, start_ns: int, form: Form, habits: Habits, number: int,
        first_frame: int, first: Unit | None,
    ) -> None:  # fmt: skip
        """Begin to stream at `start_ns`; the first phrase begins at `first_frame` and is the unit `first`, if given."""
        self._form, self._habits, self._number, self._first = form, habits, number, first
        self._silence = form.silence
        self.done = Event()
        self.open: dict[int, Turn] = {}
        self.turn, self.error, self.left = 0, "", False  # left: it went of its own accord
        self._clip: tuple[bytes, ...] = ()
        self._at = self._bytes_up = 0
        self._speak_at: int | None = first_frame  # frame number; None = waiting for a reply
        self._last_seq = -1
        self._finishing = False  # nothing more will be said
        super().__init__(generator, socket, start_ns, FRAME_NS)

    # --- the microphone, called by the pacer: must not wait

    def frame(self, number: int, due_ns: int) -> bytes | None:
        """Return the next frame: speech, or digital silence; None once all is said and answered."""
        if not self._clip and not self._between_phrases(number, due_ns):
            self.left = True
            self.done.set()
            self.socket.try_send(self._form.control({"op": "cancel"}))
            return None
        flags, payload = 0, self._silence
        if self._clip:
            payload = self._clip[self._at]
            self._at += 1
            if self._at == len(self._clip):
                flags = END_OF_SPEECH
        wire = self._form.audio(self.turn or 1, number + 1, number * 20 & 0xFFFFFFFF, flags, payload)
        self._bytes_up += len(wire)
        return wire

    def sent(self, number: int, due_ns: int, at_ns: int) -> None:
        """Note when the last voiced frame really left."""
        if self._clip and self._at == len(self._clip):
            self._clip, self._at = (), 0
            turn = self.open.get(self.turn)
            if turn:
                turn.unit.start_ns = at_ns

    def _between_phrases(self, number: int, due_ns: int) -> bool:
        """Begin the next phrase when it is time; return whether there is a reason to stay."""
        for turn_id, turn in list(self.open.items()):
            if due_ns > turn.unit.intended_ns + self._habits.timeout_ns:
                self._end(turn_id, "timeout", due_ns)
        if self._speak_at is not None and number >= self._speak_at:
            self._begin(number)
        self._finishing = self._finishing or due_ns >= self._habits.last_ns
        return bool(self._clip or self.open) or not self._finishing

    def _begin(self, number: int) -> None:
        self._speak_at = None
        clip = self._habits.choose(self.turn + 1).payloads
        first, self._first = self._first, None
        intended_ns = first.intended_ns if first else self.start_ns + (number + len(clip) - 1) * FRAME_NS
        if self._habits.turns and self.turn >= self._habits.turns:
            self._finishing = True
            return
        if intended_ns >= self._habits.last_ns:
            return  # too late for a phrase: silence until the end, so that the load keeps its shape
        self.turn += 1
        self._clip, self._at = clip, 0
        unit = first or self.generator.units.begin(
            "turn", "voice", user=self._number, seq=self.turn, intended_ns=intended_ns
        )
        self.open[self.turn] = Turn(unit, self._bytes_up)

    # --- the ears

    def listen(self) -> None:
        """Read until the connection ends, in whatever way, and close what is left open."""
        try:
            while (message := self.socket.receive()) is not None and not self.error:
                self._hear(self._form.read(message), message)
        except Exception as error:  # whatever the server did, it is an outcome of its turns
            self.error = self.error or f"{type(error).__name__}: {error}"
        outcome = "error" if self.error else "lost"
        for turn_id in list(self.open):
            self._end(turn_id, outcome, 0)
        self.end()
        self.done.set()

    def _hear(self, frame: Frame, message: Message) -> None:
        if frame.type is FrameType.CONTROL:
            body = json.loads(frame.payload)
            if body.get("op") == "error":
                self.error = f"the server says: {body.get('message')}"
            return
        turn = self.open.get(frame.turn)
        if turn is None:
            if not 0 < frame.turn <= self.turn:
                self.error = f"a reply to turn {frame.turn}; only turns up to {self.turn} were spoken"
            return  # a turn given up: its reply counts for nothing
        if frame.seq <= self._last_seq:
            turn.faults.append(f"frame {frame.seq} after {self._last_seq}")
        self._last_seq = frame.seq
        turn.unit.bytes_down += len(message.data)
        if frame.type is FrameType.AUDIO and frame.payload:
            turn.audio_crc = zlib.crc32(frame.payload, turn.audio_crc)
            if not turn.unit.first_ns:
                turn.unit.first_ns = message.first_ns
                self._consider_interrupting(frame.turn)
        elif frame.type is FrameType.TEXT:
            turn.text_crc = zlib.crc32(frame.payload, turn.text_crc)
        if frame.flags & Flag.END_OF_TURN:
            self._finish(frame, turn, message.last_ns)

    def _finish(self, frame: Frame, turn: Turn, end_ns: int) -> None:
        turn.unit.marks = frame.marks
        if frame.flags & Flag.INTERRUPTED:
            self._end(frame.turn, "interrupted", end_ns)
        elif turn.faults or not turn.unit.first_ns or not turn.unit.start_ns:
            self._end(frame.turn, "error", end_ns)  # garbled order, no audio, or an answer before the question's end
        else:
            turn.unit.digest = zlib.crc32(b"%08x%08x" % (turn.audio_crc, turn.text_crc)) or 1
            self._end(frame.turn, "ok", end_ns)

    def _end(self, turn_id: int, outcome: str, end_ns: int) -> None:
        turn = self.open.pop(turn_id)
        turn.unit.bytes_up = self._bytes_up - turn.up_before
        turn.unit.close(outcome, end_ns)
        if turn_id == self.turn and not self._clip and not self._finishing:
            # The pause is counted on the session's own grid, which never shifts.
            self._speak_at = self.next_frame + self._habits.think_frames(turn_id)

    def _consider_interrupting(self, turn_id: int) -> None:
        frames = self._habits.barge_frames(turn_id)
        if frames and turn_id == self.turn and not self._clip:
            self._speak_at = self.next_frame + frames
