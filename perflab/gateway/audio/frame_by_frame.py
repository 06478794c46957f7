"""Every frame is worked on in the call that brings it: nothing waits, and every session pays every call."""

from __future__ import annotations

from collections.abc import Callable

from perflab.gateway.audio.lane import AudioSink, Heard, Lane, Pending
from perflab.gateway.audio.plan import AudioPlan
from perflab.gateway.audio.silence_gate import SilenceGate
from perflab.gateway.audio.stages import DOWN_SAMPLES, FrameStages
from perflab.gateway.audio.ticks import TickCounts
from perflab.gateway.audio.turn_end import Event, TurnEnd
from perflab.gateway.session.in_order import Spawn, in_order
from perflab.gateway.session.turn import Turn
from perflab.wire.audio_format import AudioFormat
from perflab.wire.frame import Frame
from perflab.wire.marks import now_ns

MakeStages = Callable[[AudioPlan, AudioFormat], FrameStages]


class FrameLane(Lane):
    """A session whose frames are worked on one by one."""

    def __init__(
        self, plan: AudioPlan, form: AudioFormat, sink: AudioSink, gate: SilenceGate | None, stages: FrameStages
    ) -> None:
        super().__init__(plan, form, sink, gate)
        self._stages, self._ends = stages, TurnEnd()

    def hear(self, frame: Frame, received_ns: int) -> Pending:
        """Take a client's message; raises FrameError for a wrong length."""
        pieces = self.pieces(frame)
        if len(pieces) == 1:
            return self._one(pieces[0], received_ns)
        return in_order([self._one(piece, received_ns) for piece in pieces])

    def say(self, turn: Turn, pcm: bytes) -> None:
        """Take a piece of Live's reply."""
        if not self._converts_down:
            self.answer(turn, pcm)
            return
        for frame in self.reply_frames(turn, pcm):
            self.answer(turn, self._stages.down(frame))

    def finish(self, turn: Turn) -> None:
        """Send what is left of a reply."""
        for frame in self.last_reply_frames(turn):
            self.answer(turn, self._stages.down(frame))

    def hush(self) -> None:
        """Forget what is left of a reply."""
        self.forget_reply()
        self._stages.hush()

    def leave(self) -> None:
        """Nothing is shared with other sessions."""

    def summary(self) -> Heard:
        """Return what was found so far."""
        self.heard.refused = self._stages.refused
        return super().summary()

    def _one(self, frame: Frame, received_ns: int) -> Pending:
        found = self._stages.up(frame.payload)
        event = self._ends.feed(found.voiced) if self._listens else Event.NONE
        return self.pass_on(frame, received_ns, found, event, now_ns())


class FrameByFrame:
    """Makes lanes whose stages are made by `make`; `counts` stays at zero, for nothing is ever put together."""

    def __init__(self, plan: AudioPlan, make: MakeStages) -> None:
        self._plan, self._make = plan, make
        self.counts = TickCounts()

    def warm_up(self, say: Callable[[str], None]) -> None:
        """Pass a frame of silence through every form that is offered, so that all is imported and compiled."""
        for form in filter(self._plan.concerns, self._plan.offered):
            stages = self._make(self._plan, form)
            audio = stages.down(bytes(2 * DOWN_SAMPLES))
            stages.up(audio if form.codec == "opus" else bytes(form.frame_up_bytes))
            say(f"{form.codec} at {form.rate_up} Hz")

    def join(self, form: AudioFormat, sink: AudioSink, gate: SilenceGate | None, spawn: Spawn) -> FrameLane:
        """Return the way of a new session."""
        return FrameLane(self._plan, form, sink, gate, self._make(self._plan, form))
