"""Coalescing sends every byte once and in order, and holds nothing that decides a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.gateway.flags.coalesce import ms40, ms100, off
from perflab.gateway.flags.coalesce._gather import DECIDING_BYTES, SILENCE, Gather

SOUND = b"\x01\x02" * 320
FRAME = st.sampled_from([SILENCE, SOUND, b"\x03\x04" * 7])
SETTLED = DECIDING_BYTES // len(SILENCE)  # frames of silence after which nothing waits for a decision


def in_speech() -> Gather:
    gather = ms100.build()
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
    assert gather.push(SOUND, False) is None
