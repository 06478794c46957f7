"""Flag `pipeline`: how the audio stages that other flags ask for are computed; without any it has nothing to do.

A value offers `build(plan) -> Pipeline`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from perflab.gateway.audio.lane import AudioSink, Heard
    from perflab.gateway.audio.silence_gate import SilenceGate
    from perflab.gateway.audio.ticks import TickCounts
    from perflab.gateway.session.in_order import Spawn
    from perflab.gateway.session.turn import Turn
    from perflab.wire.audio_format import AudioFormat
    from perflab.wire.frame import Frame

BASELINE = "per_frame"


class AudioLane(Protocol):
    """One session's way through the stages; what comes out goes to the sink that it was made with."""

    def hear(self, frame: Frame, received_ns: int) -> Awaitable[None] | None:
        """Take a client's message; raises FrameError for one of a wrong length."""

    def say(self, turn: Turn, pcm: bytes) -> None:
        """Take a piece of Live's reply."""

    def finish(self, turn: Turn) -> None:
        """The reply is complete: give all of it to the sink before this returns."""

    def hush(self) -> None:
        """The reply was cut off: forget what the sink does not have yet."""

    def leave(self) -> None:
        """The session is over; safe to call twice."""

    def summary(self) -> Heard:
        """Return what was found so far."""


class Pipeline(Protocol):
    """The stages of all sessions."""

    counts: TickCounts

    def warm_up(self, say: Callable[[str], None]) -> None:
        """Import and compile everything; `say` gets a line for each form of audio."""

    def join(self, form: AudioFormat, sink: AudioSink, gate: SilenceGate | None, spawn: Spawn) -> AudioLane:
        """Return the way of a new session."""
