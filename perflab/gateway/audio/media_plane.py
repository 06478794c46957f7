"""The audio of all sessions of a gateway: who passes which stages, and what was found so far."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from perflab.gateway.audio.lane import AudioSink, Heard
from perflab.gateway.audio.plan import plan_of
from perflab.gateway.audio.silence_gate import SilenceGate
from perflab.gateway.audio.ticks import TickCounts
from perflab.gateway.flags import implementation
from perflab.gateway.flags.pipeline import AudioLane, Pipeline
from perflab.gateway.session.in_order import Spawn
from perflab.wire.audio_format import AudioFormat

log = logging.getLogger("perflab.gateway.audio")


class MediaPlane:
    """Makes the lanes of sessions; without an audio flag there is no pipeline, no lane, and no kernel is imported."""

    def __init__(self, flags: Mapping[str, str]) -> None:
        self.plan = plan_of(flags)
        self._name = flags["pipeline"]
        self.pipeline: Pipeline | None = (
            implementation("pipeline", self._name).build(self.plan) if self.plan.works else None
        )
        self._lanes: dict[int, AudioLane] = {}  # by the number that the client chose: the newest session that has it
        self._open: set[AudioLane] = set()
        self._left = Heard()  # what was found in sessions that are over

    def warm_up(self) -> None:
        """Import and compile what the stages need, and say so: the gateway is not ready before."""
        if self.pipeline is None:
            return
        began = time.perf_counter()

        def say(what: str) -> None:
            log.info("audio stages (%s): %s ready after %.2f s", self._name, what, time.perf_counter() - began)

        self.pipeline.warm_up(say)

    def join(
        self, number: int, form: AudioFormat, sink: AudioSink, gate: SilenceGate | None, spawn: Spawn
    ) -> AudioLane | None:
        """Return the way of a session's audio, or None when it passes untouched."""
        if self.pipeline is None or not self.plan.concerns(form):
            return None
        lane = self._lanes[number] = self.pipeline.join(form, sink, gate, spawn)
        self._open.add(lane)
        return lane

    def leave(self, number: int, lane: AudioLane) -> None:
        """A session is over."""
        if self._lanes.get(number) is lane:
            del self._lanes[number]
        self._open.discard(lane)
        lane.leave()
        _add(self._left, lane.summary())

    def of_session(self, number: int) -> dict[str, Any] | None:
        """Return what was found in an open session so far, None for one that is not open or passes untouched."""
        lane = self._lanes.get(number)
        return lane.summary().summary() if lane else None

    def totals(self) -> Heard:
        """Return what was found in all sessions since the start."""
        total = Heard()
        _add(total, self._left)
        for lane in self._open:
            _add(total, lane.summary())
        return total

    @property
    def counts(self) -> TickCounts:
        """What the batch has done."""
        return self.pipeline.counts if self.pipeline else TickCounts()


def _add(total: Heard, more: Heard) -> None:
    for field in fields(Heard):
        both = getattr(total, field.name), getattr(more, field.name)
        setattr(total, field.name, max(both) if field.name == "peak" else sum(both))
