"""Coalescing sends every byte once and in order, and holds nothing that decides a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.gateway.flags.coalesce import ms40, ms100, off
from perflab.gateway.flags.coalesce._gather import DECIDING_BYTES, ONSET_BYTES, SILENCE, Gather
from perflab.standins.live.detector import TurnDetector

SOUND = b"\x01\x02" * 320
LOUD = b"\x00\x20\x00\xe0" * 160
FRAME = st.sampled_from([SILENCE, SOUND, b"\x03\x04" * 7])
SETTLED = DECIDING_BYTES // len(SILENCE)  # frames of silence after which nothing waits for a decision


def in_speech() -> Gather:
    gather = ms100.build()
    assert gather.push(SOUND, False) == SOUND
    for _ in range(ONSET_BYTES // len(SOUND) - 1):
        assert gather.push(SOUND, False) == SOUND
    return gather


@pytest.mark.parametrize("build", [off.build, ms40.build, ms100.build])
@given(frames=st.lists(st.tuples(FRAME, st.booleans()), max_size=80))
def test_no_byte_is_lost_doubled_or_moved(build, frames) -> None:  # type: ignore[no-untyped-def]
    policy = build()
    sent = [message for pcm, last in frames if (message := policy.push(pcm, last)) is not None]
    assert b"".join([*sent, policy.drain()]) == b"".join(pcm for pcm, _ in frames)
    assert policy.drain() == b""


@given(frames=st.lists(st.tuples(FRAME, st.booleans()), max_size=80))
def test_the_last_voiced_frame_is_never_held(frames) -> None:  # type: ignore[no-untyped-def]
    policy = ms100.build()
    for pcm, last in frames:
        assert policy.push(pcm, last) is not None or not last


def test_speech_goes_up_in_messages_of_the_length() -> None:
    gather = in_speech()
    sizes = [len(message) for _ in range(20) if (message := gather.push(SOUND, False)) is not None]
    assert sizes == [5 * len(SOUND)] * 4


def test_what_decides_the_end_of_a_turn_goes_up_frame_by_frame() -> None:
    for hint in (True, False):
        gather = in_speech()
        gather.push(SOUND, hint)
        assert all(gather.push(SILENCE, False) is not None for _ in range(SETTLED - 1))
        later = [gather.push(SILENCE, False) for _ in range(11)]
        assert sum(message is not None for message in later) <= 3


def test_the_first_sound_after_silence_is_not_held() -> None:
    gather = ms100.build()
    assert gather.push(SILENCE, False) is None
    assert gather.push(SOUND, False) == SILENCE + SOUND


def test_silence_is_silence_whatever_the_length_of_the_frame() -> None:
    gather = ms100.build()
    assert gather.push(SILENCE[:320], False) is None
    assert gather.push(SOUND[:320], False) == SILENCE[:320] + SOUND[:320]


@pytest.mark.parametrize("build", [ms40.build, ms100.build])
@pytest.mark.parametrize("pauses", [(30,), (14, 30), (5, 14, 30), (2, 30)])
@pytest.mark.parametrize("hint", [True, False])
def test_lives_detector_hears_begin_and_end_as_early_as_without(build, pauses, hint) -> None:  # type: ignore[no-untyped-def]
    """Speech with pauses after a long silence, then a barge-in: every start and end at the same frame as they come."""
    frames = [SILENCE] * 50
    for pause in pauses:
        frames += [LOUD] * 9 + [SILENCE] * pause
    frames += [SILENCE] * 10 + [LOUD] * 12 + [SILENCE] * 30
    lasts = {i for i, pcm in enumerate(frames) if hint and pcm is LOUD and frames[i + 1] is SILENCE}
    assert decisions(build(), frames, lasts) == decisions(off.build(), frames, lasts)


def decisions(policy, frames: list[bytes], lasts: set[int]) -> list[tuple[int, str]]:  # type: ignore[no-untyped-def]
    """Return what Live's detector decided, with the number of the client's frame at which it did."""
    detector, found = TurnDetector(silence_ms=300), []
    for i, pcm in enumerate(frames):
        message = policy.push(pcm, i in lasts) or b""
        for at in range(0, len(message), len(SILENCE)):
            heard = detector.feed(message[at : at + len(SILENCE)])
            if heard.name in ("STARTED", "ENDED"):
                found.append((i, heard.name))
    assert len(found) >= 4
    return found
