"""All sessions at once, tick by tick: lanes of the processor are sessions, and a call is paid once for all of them.

The price is the wait for the tick: half of it on average for a frame from the client, and for a reply that must be
converted; `--flag=tick=...` sets it. A frame that fails its session fails that session alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from perflab.gateway.audio.bank import Bank, Reply, Waiting
from perflab.gateway.audio.lane import AudioSink, Lane
from perflab.gateway.audio.plan import AudioPlan
from perflab.gateway.audio.silence_gate import SilenceGate
from perflab.gateway.audio.stages import Measured
from perflab.gateway.audio.ticks import Ticks
from perflab.gateway.audio.turn_end import Event
from perflab.gateway.session.in_order import InOrder, Spawn
from perflab.gateway.session.turn import Turn
from perflab.wire.audio_format import AudioFormat
from perflab.wire.frame import Frame

log = logging.getLogger("perflab.gateway.audio")


class BatchedLane(Lane):
    """A session with a row in a bank until it leaves: then the row is another's, and what still comes is dropped."""

    def __init__(
        self, plan: AudioPlan, form: AudioFormat, sink: AudioSink, gate: SilenceGate | None, spawn: Spawn, bank: Bank,
        ticks: Ticks,
    ) -> None:  # fmt: skip
        super().__init__(plan, form, sink, gate)
        self._bank, self._ticks, self._row = bank, ticks, bank.take()
        self._sends = InOrder(spawn, sink.fail)
        self._gone = False

    def hear(self, frame: Frame, received_ns: int) -> None:
        """Take a client's message; raises FrameError for a wrong length."""
        if self._gone:
            return
        for piece in self.pieces(frame):
            if self._bank.up.rows.crowded(self._row):
                self._ticks.timed(self._bank.up.work)  # a burst, or a tick that came late: nobody is refused for it
                if self._gone:  # what was worked on was wrong
                    return
            self._bank.up.rows.put(self._row, piece.payload, Waiting(self, piece, received_ns))
        self._ticks.ask()

    def say(self, turn: Turn, pcm: bytes) -> None:
        """Take a piece of Live's reply."""
        if self._gone:
            return
        if self._bank.down is None:
            self.answer(turn, pcm)
            return
        for frame in self.reply_frames(turn, pcm):
            self._wait_down(turn, frame)
        self._ticks.ask()

    def finish(self, turn: Turn) -> None:
        """Send what is left of a reply, now: its last frame is not to come before it."""
        if self._gone or self._bank.down is None:
            return
        for frame in self.last_reply_frames(turn):
            self._wait_down(turn, frame)
        self._ticks.timed(self._bank.down.work)

    def hush(self) -> None:
        """Forget what is left of a reply."""
        if self._gone:
            return
        self.forget_reply()
        if self._bank.down is not None:
            self._bank.down.rows.drop(self._row)
            self._bank.down.forget(self._row)

    def leave(self) -> None:
        """Give the row back."""
        if not self._gone:
            self._gone = True
            self._bank.give_back(self._row)

    def passed(self, frame: Frame, received_ns: int, found: Measured, event: Event, at_ns: int) -> None:
        """A frame has been worked on."""
        if self._gone:
            return
        try:
            pending = self.pass_on(frame, received_ns, found, event, at_ns)
        except ValueError as error:  # what this client sent is wrong: its own session ends, the tick goes on
            self._sink.fail(str(error))
            return
        except Exception:  # one session's defect must not stop all others
            log.exception("a frame could not be passed on")
            self._sink.fail("the audio could not be passed on")
            return
        if pending is not None:
            self._sends.add(pending)

    def replied(self, turn: Turn, audio: bytes) -> None:
        """A frame of a reply has been worked on."""
        if not self._gone:
            self.answer(turn, audio)

    def _wait_down(self, turn: Turn, frame: bytes) -> None:
        assert self._bank.down is not None
        if self._bank.down.rows.crowded(self._row):
            self._ticks.timed(self._bank.down.work)  # a reply may come faster than it is spoken
        self._bank.down.rows.put(self._row, frame, Reply(self, turn))


class Batch:
    """The banks of all forms, and their tick."""

    def __init__(self, plan: AudioPlan) -> None:
        self._plan = plan
        self._banks: dict[AudioFormat, list[Bank]] = {}
        self._ticks = Ticks(plan.tick_s, self._work)
        self.counts = self._ticks.counts

    def warm_up(self, say: Callable[[str], None]) -> None:
        """Make a bank of every form that is offered and pass silence through it, so that all is compiled."""
        for form in filter(self._plan.concerns, self._plan.offered):
            bank = self._room(form)
            bank.warm_up()
            say(f"{form.codec} at {form.rate_up} Hz")

    def join(self, form: AudioFormat, sink: AudioSink, gate: SilenceGate | None, spawn: Spawn) -> BatchedLane:
        """Return the way of a new session."""
        return BatchedLane(self._plan, form, sink, gate, spawn, self._room(form), self._ticks)

    def _room(self, form: AudioFormat) -> Bank:
        banks = self._banks.setdefault(form, [])
        found = next((bank for bank in banks if not bank.up.rows.full), None)
        if found is None:
            found = Bank(self._plan, form, self.counts)
            banks.append(found)
        return found

    def _work(self) -> None:
        for banks in self._banks.values():
            for bank in banks:
                bank.work()
