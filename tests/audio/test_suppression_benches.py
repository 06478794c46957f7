"""The benches against noise and echo: rooms whose sizes are known, and the peer library at work."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from perflab.benches.audio.rooms import TAIL, converse
from perflab.benches.audio.speexdsp import WHY, cancelled, denoised, speexdsp


@pytest.fixture(scope="module")
def library() -> object:
    found = speexdsp()
    if found is None:
        pytest.skip(WHY)
    return found


def loudness(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(signal.astype(float)))))


@pytest.mark.parametrize("part", ["echo"])
def test_part_is_found_by_the_family(part: str) -> None:
    module = import_module(f"perflab.benches.audio.{part}")
    assert callable(module.bars) and module.ORDER > 0


def test_conversations_are_what_they_are_said_to_be() -> None:
    scene = converse(3, 2.0, near_from=1.0)
    again = converse(3, 2.0, near_from=1.0)
    assert np.array_equal(scene.mic, again.mic) and np.array_equal(scene.far, again.far)
    for far, echo, near in zip(scene.far, scene.echo, scene.near, strict=True):
        assert -12 <= loudness(echo) - loudness(far) <= 0
        assert not near[:16_000].any()
        assert loudness(near[16_000:]) == pytest.approx(loudness(echo[16_000:]), abs=0.01)
    rest = scene.mic - np.clip(scene.echo + scene.near, -32768, 32767)
    assert loudness(rest) <= loudness(scene.echo) - 45


def test_a_moved_room_answers_otherwise() -> None:
    still, moved = converse(2, 2.0), converse(2, 2.0, moved_at=1.0)
    assert np.array_equal(still.echo[0, :16_000], moved.echo[0, :16_000])
    assert loudness((still.echo - moved.echo)[0, 16_000:]) >= loudness(still.echo[0]) - 3


def test_the_peer_cancels_echo(library: object) -> None:
    scene = converse(2, 4.0)
    made = cancelled(library, scene.mic, scene.far, TAIL)
    assert loudness(scene.mic[:, 32_000:]) - loudness(made[:, 32_000:]) >= 10


def test_the_peer_denoises(library: object) -> None:
    pcm = np.rint(np.random.default_rng(1).normal(0, 1_000, (2, 32_000))).astype(np.int16)
    made = denoised(library, pcm)
    assert 8 <= loudness(pcm[:, 16_000:]) - loudness(made[:, 16_000:]) <= 25
