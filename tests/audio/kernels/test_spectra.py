"""The batched transform against the definition, and telephone keys against Goertzel's filter."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.audio.kernels.compiled.spectra import magnitudes
from perflab.audio.kernels.dtmf import HIGH_HZ, KEYS, LOW_HZ, DtmfDetector
from perflab.audio.kernels.fft import BatchFFT, digit_order
from perflab.audio.kernels.lanes import LANES
from perflab.audio.kernels.oracle.dtmf import amplitude
from perflab.audio.kernels.oracle.fft import dft
from perflab.audio.kernels.real_tables import spectrum
from perflab.benches.audio import fourier
from perflab.errors import UsageError


def drawn(sessions: int, points: int) -> np.ndarray:
    rng = np.random.default_rng(points)
    return (rng.normal(size=(sessions, points)) + 1j * rng.normal(size=(sessions, points))).astype(np.complex64)


def transformed(values: np.ndarray, kernel: BatchFFT) -> np.ndarray:
    into, out = kernel.planes(), kernel.planes()
    kernel.enter(values, into)
    kernel.forward(into, out)
    return kernel.leave(out)


@pytest.mark.parametrize("points", [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096])
def test_transform_is_that_of_the_definition(points: int) -> None:
    values = drawn(11, points)
    wanted = dft(values)
    assert np.abs(transformed(values, BatchFFT(points, 11)) - wanted).max() <= 1e-6 * np.abs(wanted).max()


@pytest.mark.parametrize("points", [4, 8, 32, 64, 128, 256, 512])
def test_each_frequency_lies_where_its_digits_say(points: int) -> None:
    """A pure tone ends in one place: numpy's own frequency, whether blocks of two, four or eight points are left."""
    order = digit_order(points)
    assert sorted(order) == list(range(points))
    for frequency in {0, 1, points // 2, points - 1, points // 3}:
        tone = np.exp(2j * np.pi * frequency * np.arange(points) / points).astype(np.complex64)
        made = np.abs(transformed(tone[None], BatchFFT(points, 1)))[0]
        assert made.argmax() == frequency and np.delete(made, frequency).max() < 1e-4 * points
    last = points
    while last > 8:
        last //= 8
    apart = points // last
    for frequency in range(apart):  # what the last pass makes of one block lies this far apart
        block = order[frequency::apart]
        assert block.tolist() == list(range(block[0], block[0] + last))


@pytest.mark.parametrize(("samples", "rows"), [(16, 1), (64, 33), (256, 16), (256, 50), (512, 7)])
def test_sizes_of_windows_are_those_of_numpy(samples: int, rows: int) -> None:
    """Windows begin and end anywhere, also inside each other; what lies between their spectra stays as it is."""
    rng = np.random.default_rng(samples + rows)
    whole, bins = -(-rows // LANES) * LANES, samples // 2 + 1
    x, window = rng.normal(size=(whole + 1) * samples).astype(np.float32), rng.random(samples)
    starts, places = rng.integers(0, x.size - samples, whole), rng.permutation(whole) * (bins + 3)
    out = np.full(whole * (bins + 3), -1, np.float32)
    magnitudes(x, starts, rows, spectrum(window), out, places)
    for start, place in list(zip(starts, places, strict=True))[:rows]:
        wanted = np.abs(np.fft.rfft(x[start : start + samples] * window))
        assert np.abs(out[place : place + bins] - wanted).max() <= 2e-6 * np.sqrt(samples) * np.abs(wanted).max()
        assert (out[place + bins : place + bins + 3] == -1).all()


def test_the_peer_of_the_race_makes_no_pass_that_ours_does_not() -> None:
    """Its transform is not scaled: energies grow with the points at each call, and are begun anew in time."""
    contest = fourier.contests()[0]
    sizes = [float(np.abs(np.asarray(contest.theirs())).max()) for _ in range(2 * fourier.GROWS)]
    assert all(np.isfinite(sizes)) and sizes[0] == pytest.approx(sizes[fourier.GROWS])
    energy = [float(np.linalg.norm(np.asarray(contest.theirs()).astype(complex))) for _ in range(2)]
    assert energy[1] / energy[0] == pytest.approx(np.sqrt(fourier.POINTS), rel=1e-3)


def test_a_lane_of_nan_spoils_itself_alone() -> None:
    kernel, values = BatchFFT(64, 20), drawn(20, 64)
    clean = transformed(values, kernel)
    into, out = kernel.planes(), kernel.planes()
    kernel.enter(values, into)
    spoilt = into[0].transpose(0, 2, 1).reshape(-1, 64)
    spoilt[3] = np.nan
    into[0][:] = spoilt.reshape(kernel.groups, -1, 64).transpose(0, 2, 1)
    kernel.forward(into, out)
    made = kernel.leave(out)
    assert np.isnan(made[3]).all()
    assert np.array_equal(np.delete(made, 3, 0), np.delete(clean, 3, 0))


def test_bad_transforms_are_refused() -> None:
    for points in (0, 3, 100, 8192):
        with pytest.raises(UsageError, match="a power of two"):
            BatchFFT(points, 1)
    with pytest.raises(UsageError, match="0 sessions"):
        BatchFFT(64, 0)
    kernel, values = BatchFFT(64, 2), drawn(2, 64)
    values[1, 5] = np.nan
    with pytest.raises(UsageError, match=r"rows \[1\]"):
        kernel.enter(values, kernel.planes())
    with pytest.raises(UsageError, match="`out`"):
        kernel.forward(kernel.planes(), np.zeros((1, 3), np.float32))


def keys_pcm(rate: int, samples: int, level: float = 6_000) -> np.ndarray:
    at = np.arange(samples) / rate
    tones = [np.sin(2 * np.pi * low * at) + np.sin(2 * np.pi * high * at) for low in LOW_HZ for high in HIGH_HZ]
    noise = np.random.default_rng(5).normal(0, 150, (16, samples))
    return np.rint(level * np.array(tones) + noise).astype(np.int16)


@pytest.mark.parametrize(("rate", "samples"), [(8_000, 160), (8_000, 320), (16_000, 320)])
def test_every_key_is_found(rate: int, samples: int) -> None:
    assert "".join(DtmfDetector(rate, samples).keys(keys_pcm(rate, samples))) == KEYS


def test_product_equals_goertzel() -> None:
    pcm = keys_pcm(8_000, 160)
    made = DtmfDetector(8_000, 160).amplitudes(pcm)
    wanted = [[amplitude(row.tolist(), tone, 8_000) for tone in LOW_HZ + HIGH_HZ] for row in pcm]
    assert made == pytest.approx(np.array(wanted), rel=1e-3, abs=2)


def test_what_is_no_key_is_none() -> None:
    rng, at = np.random.default_rng(6), np.arange(160) / 8_000
    single = 9_000 * np.sin(2 * np.pi * 697 * at)
    twisted = 9_000 * np.sin(2 * np.pi * 697 * at) + 1_500 * np.sin(2 * np.pi * 1209 * at)
    frames = [rng.normal(0, 5_000, 160), single, twisted, np.zeros(160), keys_pcm(8_000, 160, 20)[0]]
    assert DtmfDetector(8_000, 160).keys(np.rint(frames).astype(np.int16)) == [""] * 5


def test_amplitudes_go_where_they_are_asked_to_and_idle_sessions_have_none() -> None:
    detector, pcm, active = DtmfDetector(8_000, 160), keys_pcm(8_000, 160), np.arange(16) % 3 != 1
    plain, out = detector.amplitudes(pcm), np.full((16, 8), 7, np.float32)
    assert detector.amplitudes(pcm, out) is out and np.array_equal(out, plain)
    masked = detector.amplitudes(pcm, out, active)
    assert masked is out and np.array_equal(out[active], plain[active]) and not out[~active].any()
    assert detector.keys(pcm, active) == [key if on else "" for key, on in zip(KEYS, active, strict=True)]
    for wrong in ({"out": out[:3]}, {"out": out.astype(float)}, {"active": active[:3]}):
        with pytest.raises(UsageError, match=f"`{next(iter(wrong))}`"):
            detector.amplitudes(pcm, **wrong)


def test_bad_frames_are_refused() -> None:
    with pytest.raises(UsageError, match="44100 Hz"):
        DtmfDetector(44_100, 882)
    with pytest.raises(UsageError, match=r"at least 12\.5 ms"):
        DtmfDetector(8_000, 64)
    with pytest.raises(UsageError, match="`pcm` must be int16"):
        DtmfDetector(8_000, 160).keys(np.zeros((2, 320), np.int16))
