"""Silence that is kept back changes no turn: Live's detector hears the same turns, byte for byte, as without it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perflab.gateway.audio.plain import measure
from perflab.gateway.audio.silence_gate import HOLD_FRAMES, PRE_ROLL, SilenceGate
from perflab.gateway.audio.stages import SPEECH_RMS
from perflab.gateway.flags.coalesce import ms100, off
from perflab.gateway.flags.upstream import SILENCE_MS, LiveSetup
from perflab.gateway.session.line import LiveLine
from perflab.standins.live.detector import VOICED_RMS, TurnDetector

from .test_line import Service

QUIET, HISS, EDGE, LOUD = (value.to_bytes(2, "little") * 320 for value in (0, 90, 149, 3000))
STRETCH = st.tuples(st.sampled_from([QUIET, QUIET, HISS, EDGE, LOUD, LOUD]), st.integers(1, 60))


class Wire:
    """Keeps what goes up, and where pauses are said."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.pauses: list[int] = []

    def send_audio(self, pcm: bytes, last: bool = False) -> None:
        self.sent.append(pcm)

    def pause_audio(self) -> None:
        self.pauses.append(len(self.sent))


def numbered(stretches: list[tuple[bytes, int]]) -> list[bytes]:
    """Return the frames, those that are not silent each unlike all others, so that a frame moved or lost shows."""
    frames = [frame for frame, count in stretches for _ in range(count)]
    return [f if f == QUIET else f[:-2] + (at % 90).to_bytes(2, "little") for at, f in enumerate(frames)]


def through(frames: list[bytes], wire: Any) -> SilenceGate:
    gate = SilenceGate(wire)
    for frame in frames:
        gate.voiced = measure(frame)[0] > SPEECH_RMS
        gate.send_audio(frame)
    return gate


def turns(frames: list[bytes]) -> list[tuple[bytes, int]]:
    """Return digest and length of every turn that Live's detector ends."""
    detector, found = TurnDetector(SILENCE_MS), []
    for frame in frames:
        if detector.feed(frame).name == "ENDED":
            found.append((detector.digest(), detector.voiced_bytes))
    return found


@given(stretches=st.lists(STRETCH, max_size=12))
@example(stretches=[(QUIET, 60), (LOUD, 2), (QUIET, 40), (LOUD, 20), (QUIET, 60)])
def test_the_service_hears_the_same_turns(stretches: list[tuple[bytes, int]]) -> None:
    frames, wire = [*numbered(stretches), *[QUIET] * 30], Wire()
    gate = through(frames, wire)
    assert turns(wire.sent) == turns(frames)
    assert len(wire.sent) + gate.suppressed + PRE_ROLL >= len(frames) >= len(wire.sent) + gate.suppressed


def test_what_is_voiced_to_the_service_is_voiced_here() -> None:
    assert SPEECH_RMS < VOICED_RMS
    assert HOLD_FRAMES * 20 > SILENCE_MS


def test_silence_goes_up_until_the_turn_has_ended_and_a_soft_beginning_with_it() -> None:
    wire = Wire()
    gate = through([QUIET] * 50 + [LOUD] * 10 + [QUIET] * 100 + [HISS] * 3 + [LOUD] * 10, wire)
    assert wire.sent == [QUIET] * PRE_ROLL + [LOUD] * 10 + [QUIET] * (HOLD_FRAMES + 2) + [HISS] * 3 + [LOUD] * 10
    assert wire.pauses == [PRE_ROLL + 10 + HOLD_FRAMES]
    assert gate.suppressed == 50 - PRE_ROLL + 100 - HOLD_FRAMES - 2


@pytest.mark.parametrize("build", [off.build, ms100.build])
def test_a_pause_is_said_after_all_that_was_gathered(build: Any) -> None:
    async def run() -> tuple[bytes, int]:
        service = Service()
        line = LiveLine(service, LiveSetup("m", ""), None, build(), 1 << 20, "stream")  # type: ignore[arg-type]
        assert line.pause_audio() is None  # no connection yet
        await line.open()
        frames = numbered([(LOUD, 20), (QUIET, 60)])
        through(frames, line)
        return service.links[0].heard, service.links[0].ends

    heard, ends = asyncio.run(run())
    assert heard == b"".join(numbered([(LOUD, 20), (QUIET, HOLD_FRAMES)]))
    assert ends == len(heard)
