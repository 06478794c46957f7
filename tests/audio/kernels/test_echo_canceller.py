"""The echo canceller against its plain oracle: echo that goes, a near end that stays, lanes that do not touch."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.audio.kernels.echo_canceller import EchoCanceller
from perflab.audio.kernels.echo_setting import BLOCK, TAPS, EchoSetting
from perflab.audio.kernels.oracle.echo_canceller import cancel
from perflab.errors import UsageError

FRAME, SESSIONS = 320, 11  # two registers of eight, the last one not full


def talk(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Coloured noise in bursts, as loud as speech: float64 [samples]."""
    bursts = np.repeat(rng.gamma(0.5, 1.0, -(-samples // 800)), 800)[:samples]
    return np.convolve(rng.normal(0, 1_500, samples), (1, 0.9, 0.7, 0.4), "same") * np.minimum(bursts, 3)


def room(rng: np.random.Generator, taps: int = 1_200) -> np.ndarray:
    """An impulse response that fades by 60 dB in 0.15 s, half as loud as what is played."""
    response = rng.normal(size=taps) * 10 ** (-3 * np.arange(taps) / 2_400)
    return 0.5 * response / np.linalg.norm(response)


def pcm(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.clip(np.rint(values), -32768, 32767).astype(np.int16))


def scene(sessions: int, frames: int, near_from: float = 0.5, seed: int = 1) -> tuple[np.ndarray, ...]:
    """Return microphone, far end (int16) and near end alone (float64), each [sessions, frames * 320]."""
    rng, count = np.random.default_rng(seed), frames * FRAME
    far = np.array([talk(rng, count) for _ in range(sessions)])
    echo = np.array([np.convolve(row, room(rng))[:count] for row in pcm(far)])
    near = np.array([talk(rng, count) for _ in range(sessions)])
    near[:, : int(near_from * count)] = 0
    return pcm(echo + near), pcm(far), near


def stream(kernel: EchoCanceller, mic: np.ndarray, far: np.ndarray, active: np.ndarray | None = None) -> np.ndarray:
    made = []
    for start in range(0, mic.shape[1], kernel.frame):
        part = slice(start, start + kernel.frame)
        out = np.full((kernel.sessions, kernel.frame), 7, np.int16)
        made.append(kernel.process(pcm(mic[:, part]), pcm(far[:, part]), out, active))
    return np.concatenate(made, axis=1)


def decibels(signal: np.ndarray, rest: np.ndarray) -> float:
    return float(10 * np.log10(np.square(signal.astype(float)).mean() / np.square(rest.astype(float)).mean()))


@pytest.mark.parametrize("sessions", [1, SESSIONS])
def test_frames_are_what_the_oracle_makes_of_the_whole(sessions: int) -> None:
    mic, far, _ = scene(sessions, 30)
    kernel = EchoCanceller(sessions)
    made = stream(kernel, mic, far)
    wanted = np.array([cancel(*both, kernel.partitions, EchoSetting()) for both in zip(mic, far, strict=True)])
    assert np.abs(made - np.clip(wanted, -32768, 32767)).max() <= 1
    assert np.abs(made - mic.astype(int)).max() > 500


def test_another_tail_and_setting_are_the_oracles() -> None:
    setting = EchoSetting(persistence=0.999, trust=1.0, shortened=2, near_memory=0.5)
    mic, far, _ = scene(3, 20, seed=2)
    kernel = EchoCanceller(3, tail_ms=60, setting=setting)
    assert kernel.partitions == 3
    wanted = np.array([cancel(*both, 3, setting) for both in zip(mic, far, strict=True)])
    assert np.abs(stream(kernel, mic, far) - np.clip(wanted, -32768, 32767)).max() <= 1


def test_the_length_of_frames_changes_no_sample() -> None:
    mic, far, _ = scene(3, 10)
    whole = stream(EchoCanceller(3), mic, far)
    for frame_ms in (10.0, 40.0):
        assert np.array_equal(stream(EchoCanceller(3, frame_ms=frame_ms), mic, far), whole)


def test_echo_goes_and_a_near_end_that_sets_in_stays() -> None:
    mic, far, near = scene(4, 200, near_from=0.5)
    made = stream(EchoCanceller(4), mic, far)
    half = mic.shape[1] // 2
    alone, both = slice(half // 2, half), slice(half, None)
    assert decibels(mic[:, alone], made[:, alone]) >= 25
    assert decibels(near[:, both], made[:, both] - near[:, both]) >= 15
    assert decibels(near[:, both], mic[:, both] - near[:, both]) <= 8  # what the microphone heard


def test_without_anything_played_the_near_end_passes_bit_for_bit() -> None:
    mic, far, _ = scene(2, 12, near_from=0)
    assert np.array_equal(stream(EchoCanceller(2), mic, np.zeros_like(far)), mic)


def test_a_door_that_opens_is_followed() -> None:
    rng = np.random.default_rng(3)
    far = pcm(talk(rng, 300 * FRAME))
    before, after = (np.convolve(far, room(rng))[: far.size] for _ in range(2))
    half = far.size // 2
    mic = pcm(np.concatenate((before[:half], after[half:])))
    made = stream(EchoCanceller(1), mic[None], far[None])[0]
    start, end = slice(half, half + 5 * FRAME), slice(-60 * FRAME, None)
    assert decibels(mic[start], made[start]) <= 5
    assert decibels(mic[end], made[end]) >= 20


@pytest.mark.parametrize("spoilt_lane", [3, SESSIONS - 1])
def test_what_one_lane_hears_leaves_the_others_bit_for_bit(spoilt_lane: int) -> None:
    mic, far, _ = scene(SESSIONS, 12)
    noise = np.random.default_rng(4).integers(-32768, 32768, (2, mic.shape[1])).astype(np.int16)
    spoilt_mic, spoilt_far = mic.copy(), far.copy()
    spoilt_mic[spoilt_lane], spoilt_far[spoilt_lane] = noise
    first, second = (stream(EchoCanceller(SESSIONS), *both) for both in ((mic, far), (spoilt_mic, spoilt_far)))
    others = np.arange(SESSIONS) != spoilt_lane
    assert np.array_equal(first[others], second[others])
    assert not np.array_equal(first[spoilt_lane], second[spoilt_lane])


def test_who_else_is_idle_changes_no_sample() -> None:
    mic, far, _ = scene(SESSIONS, 14)
    whole, kernel = stream(EchoCanceller(SESSIONS), mic, far), EchoCanceller(SESSIONS)
    rng, made = np.random.default_rng(5), []
    for start in range(0, mic.shape[1], FRAME):
        active, out = rng.random(SESSIONS) < 0.5, np.full((SESSIONS, FRAME), 7, np.int16)
        active[[2, 9]] = True
        part = slice(start, start + FRAME)
        kernel.process(pcm(mic[:, part]), pcm(far[:, part]), out, active)
        assert not out[~active].any()
        made.append(out)
    assert np.array_equal(np.concatenate(made, axis=1)[[2, 9]], whole[[2, 9]])


def test_a_pause_leaves_a_session_as_if_it_had_not_been() -> None:
    mic, far, _ = scene(SESSIONS, 16)
    kernel, reference = EchoCanceller(SESSIONS), EchoCanceller(SESSIONS)
    whole, cut = stream(reference, mic, far), 8 * FRAME
    first = stream(kernel, mic[:, :cut], far[:, :cut])
    noise = scene(SESSIONS, kernel.partitions, seed=6)  # so long that the same partition is shortened next
    awake = np.arange(SESSIONS) == 1
    stream(kernel, noise[0], noise[1], awake)
    rest = stream(kernel, mic[:, cut:], far[:, cut:])
    assert np.array_equal(np.concatenate((first, rest), axis=1)[~awake], whole[~awake])
    assert not np.array_equal(rest[1], whole[1, cut:])


def test_reset_forgets_those_in_the_mask_alone() -> None:
    kernel = EchoCanceller(SESSIONS)
    mic, far, _ = scene(SESSIONS, kernel.partitions)
    other = scene(SESSIONS, 6, seed=7)
    stream(kernel, mic, far)
    kernel.reset(np.arange(SESSIONS) == SESSIONS - 1)
    made, fresh = stream(kernel, other[0], other[1]), stream(EchoCanceller(SESSIONS), other[0], other[1])
    assert np.array_equal(made[-1], fresh[-1])
    assert not np.array_equal(made[0], fresh[0])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="0 sessions"):
        EchoCanceller(0)
    for frame_ms in (0, 5, 15, 200):
        with pytest.raises(UsageError, match="in steps of 10 ms"):
            EchoCanceller(1, frame_ms=frame_ms)
    for tail_ms in (0, 5, 501, np.nan):
        with pytest.raises(UsageError, match="10 to 500 ms"):
            EchoCanceller(1, tail_ms=tail_ms)
    assert EchoCanceller(1, tail_ms=10).partitions == 1
    assert BLOCK + TAPS - 1 <= 512


def test_wrong_arrays_get_one_clear_error() -> None:
    kernel, good = EchoCanceller(4, tail_ms=20), np.zeros((4, FRAME), np.int16)
    for wrong in (good[:3], good[:, :160], good.astype(np.float32), np.asfortranarray(good), good.tolist()):
        with pytest.raises(UsageError, match=r"`mic` (must be|is)"):
            kernel.process(wrong, good, good.copy())
        with pytest.raises(UsageError, match=r"`far` (must be|is)"):
            kernel.process(good, wrong, good.copy())
    with pytest.raises(UsageError, match="`active`"):
        kernel.process(good, good, good.copy(), np.ones(3, bool))
