"""From frames to turns: the queue, the detector by energy and the detector of turns, each against its plain oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.kernels.chunks import ChunkFifo
from perflab.audio.kernels.end_of_turn import EndOfTurn, Turn
from perflab.audio.kernels.energy_detector import RISE_DB_S, EnergyDetector
from perflab.audio.kernels.oracle import end_of_turn as plain_turns
from perflab.audio.kernels.oracle.chunks import Chunks
from perflab.audio.kernels.oracle.energy_detector import NoiseFloor
from perflab.errors import UsageError

SESSIONS = 5


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(0, 400), st.integers(1, 12), st.integers(0, 1 << 30))
def test_chunks_are_those_of_a_plain_queue(frame: int, longer: int, steps: int, seed: int) -> None:
    rng, fifo = np.random.default_rng(seed), ChunkFifo(SESSIONS, frame, frame + longer)
    plain = [Chunks(frame + longer) for _ in range(SESSIONS)]
    for _ in range(steps):
        pcm, active = rng.integers(-32768, 32768, (SESSIONS, frame)).astype(np.int16), rng.random(SESSIONS) < 0.8
        ready = fifo.push(pcm, active)
        for session, queue in enumerate(plain):
            made = queue.push(pcm[session].tolist()) if active[session] else None
            assert bool(ready[session]) == (made is not None)
            if made is not None:
                assert fifo.chunks[session].tolist() == made


def test_a_session_that_is_reset_begins_a_new_chunk() -> None:
    fifo, pcm = ChunkFifo(2), np.full((2, 320), 7, np.int16)
    fifo.push(pcm)
    fifo.reset(np.array([True, False]))
    assert fifo.push(pcm + 1).tolist() == [False, True]
    assert fifo.push(pcm + 2).tolist() == [True, False]
    assert fifo.chunks[0].tolist() == [8 / 32_768] * 320 + [9 / 32_768] * 192


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0, 3, 25, 29, 31, 60, 200, 900, 4_000, 30_000]), min_size=1, max_size=60))
def test_energy_judges_as_its_oracle(sizes: list[int]) -> None:
    detector, out = EnergyDetector(2, above_db=6.5), np.empty(2, np.bool_)
    plain = NoiseFloor(6.5, RISE_DB_S * 0.02)
    for size in sizes:
        pcm = np.stack((np.full(320, size), np.zeros(320))).astype(np.int16)
        assert detector.process(pcm, out).tolist() == [plain(size), False]


def test_energy_follows_a_noise_that_has_become_louder() -> None:
    detector, out = EnergyDetector(1), np.empty(1, np.bool_)

    def heard(size: int, frames: int) -> list[bool]:
        return [bool(detector.process(np.full((1, 320), size, np.int16), out)[0]) for _ in range(frames)]

    assert not any(heard(100, 50))
    assert heard(1_000, 10) == [True] * 10  # speech, or a fan: nobody knows yet
    assert not any(heard(1_000, 400)[-50:])  # 20 dB at 3 dB a second: at the latest after 7 s it was the fan
    assert not any(heard(100, 5)) and detector.floor[0] == pytest.approx(100)
    detector.reset()
    assert detector.floor.tolist() == [0]


def test_idle_sessions_keep_their_floor() -> None:
    detector, out, active = EnergyDetector(3), np.ones(3, np.bool_), np.array([True, False, True])
    detector.process(np.full((3, 320), 100, np.int16), out)
    detector.process(np.full((3, 320), 5_000, np.int16), out, active)
    assert out.tolist() == [True, False, True] and detector.floor[1] == pytest.approx(100)


PROBABILITIES = st.sampled_from([0.0, 0.2, 0.34, 0.36, 0.45, 0.5, 0.8, 1.0])


@settings(max_examples=60, deadline=None)
@given(st.lists(PROBABILITIES, max_size=80), st.integers(1, 4), st.integers(1, 6))
def test_turns_are_those_of_the_oracle(values: list[float], onset: int, silence: int) -> None:
    detector, out = EndOfTurn(2, onset=onset, silence=silence), np.empty(2, np.int8)
    found = [detector.feed(np.array([value, 0.0], np.float32), out).tolist() for value in values]
    assert [one for one, _ in found] == plain_turns.events(values, 0.5, 0.35, onset, silence)
    assert not any(other for _, other in found)


def test_a_turn_starts_and_ends_once_and_wavering_does_not_end_it() -> None:
    detector, out = EndOfTurn(1), np.empty(1, np.int8)

    def told(*values: float) -> list[int]:
        return [int(detector.feed(np.array([value], np.float32), out)[0]) for value in values]

    assert told(0.9, 0.1, 0.9, 0.6) == [0, 0, 0, Turn.STARTED] and detector.speaking[0]
    assert told(*[0.1] * 9, 0.4, *[0.1] * 9) == [0] * 19
    assert told(np.nan, 0.1, 0.1) == [0, Turn.ENDED, 0] and not detector.speaking[0]
    told(0.9, 0.9)
    detector.reset(np.array([True]))
    assert not detector.speaking[0] and told(*[0.0] * 12) == [0] * 12


def test_bad_input_is_refused() -> None:
    for make, said in (
        (lambda: ChunkFifo(0), "0 sessions"), (lambda: ChunkFifo(1, 600, 512), "Frames of 600"),
        (lambda: EnergyDetector(0), "0 sessions"), (lambda: EnergyDetector(1, above_db=-1), "-1 dB"),
        (lambda: EndOfTurn(1, start=0.2), "starts at 0.2"), (lambda: EndOfTurn(1, onset=0), "0 steps"),
        (lambda: EndOfTurn(1, start=float("nan")), "starts at nan"),
        (lambda: ChunkFifo(2).push(np.zeros((2, 319), np.int16)), "`pcm`"),
        (lambda: EnergyDetector(2).process(np.zeros((3, 320), np.int16), np.zeros(2, np.bool_)), "`out`"),
        (lambda: EndOfTurn(2).feed(np.zeros(2), np.zeros(2, np.int8)), "`probabilities`"),  # type: ignore[arg-type]
    ):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            make()
