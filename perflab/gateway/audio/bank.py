"""The stages for a bank of sessions of one form: a call for each stage and tick, whoever is in the bank."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perflab.audio.kernels.end_of_turn import EndOfTurn
from perflab.audio.kernels.level import level
from perflab.gateway.audio.bank_stages import Entry, Exit, ends_of
from perflab.gateway.audio.plan import AudioPlan
from perflab.gateway.audio.rows import Rows
from perflab.gateway.audio.stages import DOWN_BYTES, SPEECH_RMS, UP_SAMPLES, Measured
from perflab.gateway.audio.ticks import TickCounts
from perflab.gateway.audio.turn_end import END_FRAMES, EVENTS, ONSET_FRAMES
from perflab.gateway.session.turn import Turn
from perflab.wire.audio_format import FRAME_MS, AudioFormat
from perflab.wire.frame import Frame
from perflab.wire.marks import now_ns

if TYPE_CHECKING:
    from perflab.audio.kernels.denoiser import Denoiser
    from perflab.gateway.audio.batched import BatchedLane
    from perflab.gateway.audio.noise_floor import FloorJudges
    from perflab.gateway.audio.silero import SileroJudges

ROWS = 128  # sessions of a bank: a hundred in one call; more sessions make more banks, and no state ever moves


class Waiting(NamedTuple):
    """A frame of the client that waits in its row."""

    lane: BatchedLane
    frame: Frame
    received_ns: int


class Reply(NamedTuple):
    """A frame of Live's that waits in its row."""

    lane: BatchedLane
    turn: Turn


class UpBank:
    """From the clients to Live: decoding or resampling, noise, level, speech, end of turn."""

    def __init__(self, plan: AudioPlan, form: AudioFormat, entry: Entry | None, counts: TickCounts) -> None:
        self.rows: Rows[Waiting] = Rows(ROWS, form.frame_up_bytes)
        self._listens, self._counts = plan.listens, counts
        self._entry, self._denoiser = entry, _denoiser() if plan.denoise else None
        self._entered = np.zeros((ROWS, UP_SAMPLES), np.int16) if entry else self.rows.pcm
        self._pcm = np.zeros((ROWS, UP_SAMPLES), np.int16) if self._denoiser else self._entered
        self._found = np.zeros((ROWS, 2), np.float32)
        self._judges = _judges(plan.activity)  # None: by a fixed level
        self._ends, self._events = turn_ends(ROWS), np.zeros(ROWS, np.int8)

    def work(self) -> None:
        """Work until no frame waits: once, unless a session has sent several since the last tick."""
        while self.rows.waits:
            began = now_ns()
            voiced, events = self.compute()
            self._pass_on(self.rows.taken(), voiced, events, began)

    def warm_up(self) -> None:
        """Run every kernel once, on rows that nobody has."""
        self.compute()
        if self._judges is not None:
            self._judges.warm_up()

    def compute(self) -> tuple[list[bool], list[int]]:
        """Run the stages once over the rows that are filled; return for each row: voiced, event."""
        active = self.rows.active
        if self._entry is not None:
            for row in self._entry.process(self.rows, self._entered, active):
                self.rows.item(row).lane.heard.refused += 1
        if self._denoiser is not None:
            self._denoiser.process(self._entered, self._pcm, active)
        if not self._listens:
            return [False] * ROWS, [0] * ROWS
        voiced = level(self._pcm, self._found, active)[:, 0] > SPEECH_RMS
        if self._judges is not None:
            voiced = self._judges.voiced(self._pcm, active)
        events = self._ends.feed(voiced.astype(np.float32), self._events, active)
        return voiced.tolist(), events.tolist()

    def forget(self, row: int) -> None:
        """A new session takes this row."""
        for stage in (self._entry, self._denoiser, self._judges, self._ends):
            if stage is not None:
                stage.reset(_only(row))

    def _pass_on(self, done: dict[int, Waiting], voiced: list[bool], events: list[int], began_ns: int) -> None:
        found, at = self._found.tolist(), now_ns()
        waited = 0
        for row, (lane, frame, received_ns) in done.items():
            pcm = frame.payload if self._pcm is self.rows.pcm else self._pcm[row].tobytes()
            rms, peak = found[row]
            waited += began_ns - received_ns
            lane.passed(frame, received_ns, Measured(pcm, rms, peak, voiced[row]), EVENTS[events[row]], at)
        self._counts.frames += len(done)
        self._counts.waited_s += waited / 1e9


class DownBank:
    """From Live to the clients: resampling, encoding."""

    def __init__(self, leaves: Exit) -> None:
        self.rows: Rows[Reply] = Rows(ROWS, DOWN_BYTES)
        self._exit = leaves

    def work(self) -> None:
        """Work until no frame waits."""
        while self.rows.waits:
            self.compute()
            for row, (lane, turn) in self.rows.taken().items():
                lane.replied(turn, self._exit.audio(row))

    def compute(self) -> None:
        """Convert the rows that are filled."""
        self._exit.process(self.rows.pcm, self.rows.active)

    def forget(self, row: int) -> None:
        """A new session, or a new reply, takes this row."""
        self._exit.reset(_only(row))


class Bank:
    """Both ways of up to ROWS sessions of one form."""

    def __init__(self, plan: AudioPlan, form: AudioFormat, counts: TickCounts) -> None:
        enters, leaves = ends_of(form, ROWS)
        self.up = UpBank(plan, form, enters, counts)
        self.down = DownBank(leaves) if leaves else None

    def take(self) -> int:
        """Return a row, as if nobody had been there."""
        row = self.up.rows.take()
        self.up.forget(row)
        if self.down is not None:
            self.down.rows.claim(row)
            self.down.forget(row)
        return row

    def give_back(self, row: int) -> None:
        """The session is gone."""
        self.up.rows.give_back(row)
        if self.down is not None:
            self.down.rows.give_back(row)

    def warm_up(self) -> None:
        """Run every kernel once, on rows that nobody has: what the first session would else wait for."""
        self.up.warm_up()
        if self.down is not None:
            self.down.compute()

    def work(self) -> None:
        """Do all that waits, both ways."""
        self.up.work()
        if self.down is not None:
            self.down.work()


def turn_ends(sessions: int) -> EndOfTurn:
    """Return what `turn_end.TurnEnd` does, for many sessions: a decision is a probability of nought or one."""
    return EndOfTurn(sessions, start=0.5, stop=0.5, onset=ONSET_FRAMES, silence=END_FRAMES)


def _judges(activity: str) -> SileroJudges | FloorJudges | None:
    if activity == "silero":
        from perflab.gateway.audio.silero import SileroJudges

        return SileroJudges(ROWS)
    if activity == "noise_floor":
        from perflab.gateway.audio.noise_floor import FloorJudges

        return FloorJudges(ROWS)
    return None


def _denoiser() -> Denoiser:
    from perflab.audio.kernels.denoiser import Denoiser

    return Denoiser(ROWS, frame_ms=FRAME_MS)


def _only(row: int) -> np.ndarray:
    mask = np.zeros(ROWS, np.bool_)
    mask[row] = True
    return mask
