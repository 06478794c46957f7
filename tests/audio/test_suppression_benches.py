"""The benches against noise and echo: rooms and noises whose sizes are known, and the peer library at work."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from perflab.audio.corpus import load_corpus, load_transcribed
from perflab.audio.quality.recogniser import ClosedVocabulary
from perflab.audio.quality.si_sdr import si_sdr
from perflab.audio.quality.word_error import WordErrors
from perflab.benches.audio import denoising
from perflab.benches.audio import echo as echoing
from perflab.benches.audio.material import frames
from perflab.benches.audio.noisy_speech import LEAD_IN, Heard, judged, under_noise
from perflab.benches.audio.rooms import TAIL, converse
from perflab.benches.audio.speexdsp import WHY, SpeexDenoiser, SpeexEcho, cancelled, denoised, speexdsp


@pytest.fixture(scope="module")
def library() -> object:
    found = speexdsp()
    if found is None:
        pytest.skip(WHY)
    return found


def loudness(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(signal.astype(float)))))


@pytest.mark.parametrize("part", ["echo", "denoising"])
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


@pytest.mark.parametrize(("bench", "stream"), [(denoising, SpeexDenoiser), (echoing, SpeexEcho)])
def test_the_peer_pays_in_a_race_for_its_work_alone(
    bench: Any, stream: Any, library: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking numpy where a row lies is the harness's work: it is done before, and what comes out is the same."""
    monkeypatch.setattr(bench, "SESSIONS", 3)
    race = bench.contest(library)
    monkeypatch.setattr(stream, "process", lambda *given: pytest.fail("an address is asked for while time is taken"))
    made = np.concatenate([np.array(race.theirs()) for _ in range(4)], axis=1)
    monkeypatch.undo()
    if bench is echoing:
        scene = converse(3, echoing.TIMED_S)
        wanted = cancelled(library, scene.mic[:, : made.shape[1]], scene.far[:, : made.shape[1]], TAIL)
    else:
        wanted = denoised(library, np.concatenate(frames(3, 320)[:4], axis=1))
    assert np.array_equal(made, wanted) and made.any()


def test_the_near_end_is_held_to_itself_too_where_there_is_one(
    library: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(echoing, "AFTER", slice(16_000, None))
    talking, silent = converse(6, 2.0, near_from=1.0), converse(6, 0.5)
    bar = echoing._compared("x", "x", talking, library, lambda mic, out, alone: si_sdr(mic, out))
    both = zip(talking.near, echoing.ours(talking.mic, talking.far), strict=True)
    wanted = np.median([si_sdr(near[16_000:], out[16_000:]) for near, out in both])
    assert bar.detail["ours_near_itself_db"] == pytest.approx(wanted) and wanted > 5
    assert bar.detail["speexdsp_near_itself_db"] > 0  # the microphone has 0 dB
    quiet = echoing._compared("x", "x", silent, library, lambda mic, out, alone: si_sdr(mic, out))
    assert not [name for name in quiet.detail if name.endswith("_near_itself_db")]


@pytest.mark.parametrize("kind", ["pink", "babble"])
def test_speech_comes_after_noise_alone_at_the_stated_ratio(kind: str) -> None:
    utterances = load_corpus(offline=True).utterances[:3]
    noisy = under_noise(utterances, kind, 5.0, seed=1)
    assert noisy.pcm.shape[1] % 320 == 0
    for one, row in zip(utterances, noisy.pcm, strict=True):
        noise = row[LEAD_IN : LEAD_IN + one.pcm.size].astype(float) - one.pcm
        assert loudness(row[:LEAD_IN]) == pytest.approx(loudness(noise), abs=3)  # babble has quieter moments
        assert 3 <= loudness(one.pcm) - loudness(noise) + 3 <= 9  # pauses lower the speech's mean, not the ratio


def test_a_treatment_that_only_delays_is_judged_as_none() -> None:
    utterances = [one for one in load_transcribed(offline=True).utterances if one.text][5:7]
    if not utterances:
        pytest.skip("no recorded speech is cached")
    recogniser = ClosedVocabulary(one.text for one in utterances)
    noisy = under_noise(utterances, "white", 30.0, seed=1)
    plain = judged(noisy, lambda pcm: pcm, 0, recogniser)
    late = judged(noisy, lambda pcm: np.roll(pcm, 160, axis=1), 160, recogniser)
    assert np.array_equal(plain.stoi, late.stoi) and plain.stoi.min() >= 0.9
    assert plain.word_error == late.word_error <= 0.2


@pytest.mark.parametrize(
    ("ours", "said"),
    [((4, 4, 4), "it harms a recogniser, keep it switchable"), ((0, 0, 0), "it helps a recogniser"),
     ((2, 2, 2), "not shown by so few words")],
)  # fmt: skip
def test_what_suppressing_does_is_said_both_ways(ours: tuple[int, ...], said: str) -> None:
    def heard(wrongs: tuple[int, ...]) -> Heard:
        return Heard(np.ones(3), np.ones(3), tuple(WordErrors(wrong, 5) for wrong in wrongs))

    told = denoising._harm("babble at 5 dB", {"ours": heard(ours), "untouched": heard((2, 2, 2))})
    assert told.endswith(said) and ("harms a recogniser" in told) == (ours[0] > 2)


def test_differences_are_of_sums_and_means_with_their_interval() -> None:
    one = Heard(np.array([2.0, 3.0, 4.0]), np.ones(3), (WordErrors(0, 4), WordErrors(1, 1), WordErrors(2, 5)))
    two = Heard(np.array([1.0, 2.5, 4.0]), np.ones(3), (WordErrors(1, 4), WordErrors(1, 1), WordErrors(4, 5)))
    better, worse = one.better_heard_than(two), one.worse_understood_than(two)
    assert better.value == pytest.approx(0.5) and better.low is not None and better.low >= 0
    assert worse.value == pytest.approx(-0.3) and worse.high is not None and worse.high <= 0
    assert worse.low is not None and worse.low <= -0.3
