"""Bars 1 to 4: the streaming resampler beside soxr, with response, delay and exactness in the same run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.lanes import LANES
from perflab.audio.kernels.oracle.resampler import resample
from perflab.audio.kernels.pcm import Pcm
from perflab.audio.kernels.resampler import Resampler
from perflab.benches.audio.contest import Contest, Work, circumstances, hold, missing
from perflab.benches.audio.material import endless, frames, speech_like
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 20
SESSIONS, OUT_HZ, QUALITY = 64, 16_000, "HQ"
CHECKED = 50  # frames of 20 ms
LOUD, HEARD = 30_000, 2  # an impulse, and the frames that it is heard in
FIRST_HZ, LAST_HZ = 100, 7_300  # of the passband


def bars(say: Say) -> list[Bar]:
    """Measure the contests, then response, delay, count and rounding, and how far soxr falls behind."""
    return [*_contests(), *quality(), *delays(), lag()]


def contests(soxr: Any) -> list[Contest]:
    """Return our resampler against soxr's streams: 64 of them, one with 64 channels, at 120 dB, from 44.1 kHz.

    With AVX-512 more is asked of ours. Without it nothing has to be won against one wide stream: 0.8 is a guard of our
    own against falling far behind.
    """
    wide = LANES >= 16
    return [
        Contest("rs48", "48 to 16 kHz, 64 sessions, 100 dB: 64 soxr HQ streams over ours",
                our_resampler(48_000, SESSIONS, 100.0)[1], _streams(soxr, 48_000, SESSIONS), SESSIONS,
                2.0 if wide else 1.2),
        Contest("rs48-wide", "the same: one soxr stream of 64 channels over ours",
                our_resampler(48_000, SESSIONS, 100.0)[1], _wide_stream(soxr, 48_000, SESSIONS), SESSIONS,
                1.25 if wide else 0.8),
        Contest("rs48-120", "the same at 120 dB: 64 soxr HQ streams over ours",
                our_resampler(48_000, SESSIONS, 120.0)[1], _streams(soxr, 48_000, SESSIONS), SESSIONS, 1.6),
        Contest("rs44", "44.1 to 16 kHz, 16 sessions, int16 and transposition counted: 16 soxr HQ streams over ours",
                our_resampler(44_100, 16, 100.0)[1], _streams(soxr, 44_100, 16), 16, 1.2),
    ]  # fmt: skip


def our_resampler(rate: int, sessions: int, attenuation_db: float) -> tuple[Resampler, Work]:
    """Return a resampler to 16 kHz and the work of filtering its next frame."""
    kernel = Resampler(rate, OUT_HZ, sessions, attenuation_db=attenuation_db)
    fresh, out = endless(frames(sessions, kernel.frame_in)), np.zeros((sessions, kernel.frame_out), np.int16)
    return kernel, lambda: kernel.process(next(fresh), out)


def _streams(soxr: Any, rate: int, sessions: int) -> Work:
    streams = [soxr.ResampleStream(rate, OUT_HZ, 1, dtype="int16", quality=QUALITY) for _ in range(sessions)]
    fresh = endless(frames(sessions, rate // 50))

    def work() -> None:
        for stream, row in zip(streams, next(fresh), strict=True):
            stream.resample_chunk(row)

    return work


def _wide_stream(soxr: Any, rate: int, sessions: int) -> Work:
    stream = soxr.ResampleStream(rate, OUT_HZ, sessions, dtype="int16", quality=QUALITY)
    fresh = endless([np.ascontiguousarray(frame.T) for frame in frames(sessions, rate // 50)])
    return lambda: stream.resample_chunk(next(fresh))


def _contests() -> list[Bar]:
    try:
        import soxr
    except ImportError:
        return [missing("rs48", "48 to 16 kHz beside soxr", ">=", 1.2, "soxr is not installed: pip install soxr")]
    return [hold(contest).bar(soxr_quality=QUALITY) for contest in contests(soxr)]


def quality() -> list[Bar]:
    """Sweep the response of both designs, and hold a second of frames to a float64 reference."""
    found = []
    for asked in (100.0, 120.0):
        kernel = Resampler(48_000, OUT_HZ, 1, attenuation_db=asked)
        ripple = float(np.abs(kernel.response_db(np.linspace(0, 7_300, 7_301))).max())
        worst = float(kernel.response_db(np.linspace(8_010, 24_000, 63_961)).max())
        name = f"rs-{asked:.0f}"
        found += [
            Bar(f"{name}-flat", f"largest deviation to 7.3 kHz, {asked:g} dB design", ripple, "<=", 0.1, "dB", 7_301),
            Bar(
                f"{name}-stop", f"highest gain from 8.01 kHz on, {asked:g} dB design", worst, "<=", -asked, "dB", 63_961
            ),
        ]
    return found


def delays() -> list[Bar]:
    """Count and rounding of a second of frames, and the delay of an impulse."""
    kernel = Resampler(48_000, OUT_HZ, SESSIONS)
    pcm = _second(kernel)
    made = [kernel.process(np.ascontiguousarray(part), np.zeros((SESSIONS, 320), np.int16))
            for part in np.split(pcm, CHECKED, axis=1)]  # fmt: skip
    wanted = np.clip(resample(pcm, 48_000, OUT_HZ), -32768, 32767)
    apart = float(np.abs(np.concatenate(made, axis=1) - wanted).max())
    wrong = sum(part.shape[1] != 320 for part in made)
    return [
        Bar("rs-count", "frames without exactly 320 samples", float(wrong), "==", 0, "frames", CHECKED),
        *_late(kernel.delay_ms),
        Bar("rs-exact", "largest distance from a float64 reference", apart, "<=", 1, "LSB", pcm.shape[0] * 16_000),
    ]  # fmt: skip


def _late(stated_ms: float) -> list[Bar]:
    found = delay_by_frequency()
    detail = {"stated_ms": stated_ms, "from_hz": FIRST_HZ, "to_hz": LAST_HZ}
    return [
        Bar("rs-delay", "delay of an impulse, the longest of any frequency", float(found.max()), "<=", 5, "ms",
            found.size, detail=detail),
        Bar("rs-late", "largest distance of that delay from the stated one, over frequencies",
            float(np.abs(found - stated_ms).max()), "<=", 0.01, "ms", found.size, detail=detail),
    ]  # fmt: skip


def delay_by_frequency() -> NDArray[np.float64]:
    """Return by how many ms each frequency of the passband comes late, measured by what becomes of an impulse.

    One session hears the impulse at each place that it can have between two samples of the output, so that their
    outputs in turn are the response at 48 kHz; its phase is the delay. Steps of 25 Hz tell delays up to 20 ms.
    """
    places = 48_000 // OUT_HZ
    kernel = Resampler(48_000, OUT_HZ, places)
    pcm = np.zeros((places, HEARD * kernel.frame_in), np.int16)
    pcm[np.arange(places), places - np.arange(places)] = LOUD
    made = [kernel.process(np.ascontiguousarray(part), np.zeros((places, kernel.frame_out), np.int16))
            for part in np.split(pcm, HEARD, axis=1)]  # fmt: skip
    response = np.concatenate(made, axis=1).T.reshape(-1)[places:]
    frequency = np.fft.rfftfreq(pcm.shape[1], 1 / 48_000)
    phase = np.unwrap(np.angle(np.fft.rfft(response, pcm.shape[1])))
    heard = (frequency >= FIRST_HZ) & (frequency <= LAST_HZ)
    return np.asarray(-1e3 * phase[heard] / (2 * np.pi * frequency[heard]))


def lag() -> Bar:
    """Say how far soxr falls behind on the same frames: a property of the peer, which says nothing of ours."""
    kernel = Resampler(48_000, OUT_HZ, SESSIONS)
    lag_ms = _largest_lag_ms(_second(kernel)[0])
    return Bar("rs-lag", "soxr HQ's largest lag over our delay", None if lag_ms is None else lag_ms / kernel.delay_ms,
               ">=", 6, "x", CHECKED,
               detail={"soxr_lag_ms": lag_ms, "our_delay_ms": kernel.delay_ms, **circumstances()})  # fmt: skip


def _second(kernel: Resampler) -> Pcm:
    return speech_like(SESSIONS, CHECKED * kernel.frame_in)


def _largest_lag_ms(pcm: np.ndarray) -> float | None:
    """Return how far soxr's output is behind its input at worst, after any frame, in ms; None without soxr."""
    try:
        import soxr
    except ImportError:
        return None
    lags: list[float] = []
    stream, given = soxr.ResampleStream(48_000, OUT_HZ, 1, dtype="int16", quality=QUALITY), 0
    for number, part in enumerate(np.split(pcm, CHECKED), 1):
        given += stream.resample_chunk(part).size
        lags.append(20.0 * number - 1e3 * given / OUT_HZ)
    return max(lags)
