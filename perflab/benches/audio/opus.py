"""Bar 12, first half: what Python costs beside libopus, and what a second thread gains."""

from __future__ import annotations

import ctypes
import time
from dataclasses import replace
from typing import Any

import numpy as np

from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.opus_batch import PACKET_BYTES, OpusBatch
from perflab.audio.codecs.registry import codec_named
from perflab.benches.audio.contest import Contest, circumstances, hold, wait_until_idle
from perflab.benches.audio.material import endless, frames
from perflab.benches.audio.threads import Work, two_threads
from perflab.benches.bar import Bar, measured
from perflab.benches.parts import Say
from perflab.instrument.paired_timing import TimingPlan, time_paired
from perflab.stats.interval import Interval
from perflab.stats.latency import order_statistic_intervals
from perflab.system.cores import given_cores, staying_on

ORDER = 60
SESSIONS, SAMPLES, COMPLEXITY, BIT_RATE = 64, 320, 0, 16_000
BLOCKS, TICKS = 41, 5
MOST_US, LEAST_SPEED = 0.5, 1.7


def bars(say: Say) -> list[Bar]:
    """Measure everything but libopus per frame, then the whole against bare libopus and PyAV, then two threads."""
    encode, decode = (median_interval(1e6 * np.array(times) / SESSIONS) for times in empty_calls())
    bare, pyav = against_bare()
    with staying_on(given_cores()):
        gain = two_threads([encoding(5)[1] for _ in range(2)], repeats=12)
    detail = {"libopus": OpusBatch(1).version, "sessions": SESSIONS, **circumstances()}
    return [
        hold(contest()).bar(libopus=OpusBatch(1).version),
        as_plain(),
        _bar("opus-encode", "encoding with everything but libopus", encode, **detail),
        _bar("opus-decode", "decoding with everything but libopus", decode, **detail),
        _bar("opus-bare", f"encoding, less one compiled loop over {TICKS} ticks", bare,
             complexity=COMPLEXITY, **detail),
        measured("opus-pyav", "what PyAV costs per frame beside that loop", pyav, ">=", 9, "us", detail),
        measured("opus-2thr", "two threads encoding 64 sessions each, over one after the other", gain.speed, ">=",
                 LEAST_SPEED, "x", {"cpu_for_the_same_work": gain.cpu, **detail}),
    ]  # fmt: skip


def contest(complexity: int = COMPLEXITY) -> Contest:
    """Return 64 sessions encoded in one call against as many encoders of PyAV, one after the other.

    Both call the same libopus, which takes most of the time: what remains is what an object per frame costs.
    """
    batch, ours = encoding(complexity)
    plain = [codec_named("opus-pyav").encoder(Settings(BIT_RATE, complexity)) for _ in range(batch.sessions)]
    fresh = endless(frames(batch.sessions, SAMPLES))

    def theirs() -> None:
        for encoder, row in zip(plain, next(fresh), strict=True):
            encoder.encode(row)

    return Contest("opus-batch", f"Opus coding at complexity {complexity}, {SESSIONS} sessions: {SESSIONS} encoders of "
                   "PyAV over ours", ours, theirs, SESSIONS, 1.0)  # fmt: skip


def as_plain(sessions: int = 4) -> Bar:
    """Count the packets of the batch that are not byte for byte those of PyAV's encoders."""
    batch, sound = OpusBatch(sessions, BIT_RATE, COMPLEXITY), frames(sessions, SAMPLES, TICKS)
    packets, sizes, wrong = np.zeros((sessions, PACKET_BYTES), np.uint8), np.zeros(sessions, np.int32), 0
    plain = [codec_named("opus-pyav").encoder(Settings(BIT_RATE, COMPLEXITY)) for _ in range(sessions)]
    for frame in sound:
        batch.encode(frame, packets, sizes)
        for row, packet, size, encoder in zip(frame, packets, sizes, plain, strict=True):
            wrong += b"".join(encoder.encode(row)) != packet[:size].tobytes()
    return Bar("opus-plain", "packets of Opus that differ from PyAV's", float(wrong), "==", 0, "packets",
               sessions * TICKS, detail={"libopus": batch.version, **circumstances()})  # fmt: skip


def _bar(id_: str, title: str, seen: Interval, **detail: Any) -> Bar:
    return measured(id_, title, seen, "<=", MOST_US, "us per frame", detail)


def median_interval(values: np.ndarray) -> Interval:
    """Return the median with its exact 95 % interval."""
    return order_statistic_intervals(values, (0.5,))[0]


def encoding(complexity: int, sessions: int = SESSIONS) -> tuple[OpusBatch, Work]:
    """Return a batch and the work of encoding its next tick, fresh frames in every call."""
    batch = OpusBatch(sessions, BIT_RATE, complexity)
    packets, sizes = np.zeros((sessions, PACKET_BYTES), np.uint8), np.zeros(sessions, np.int32)
    fresh = endless(frames(sessions, SAMPLES))
    return batch, lambda: batch.encode(next(fresh), packets, sizes)


def empty_calls(trials: int = BLOCKS, repeats: int = 50) -> tuple[list[float], list[float]]:
    """Return seconds of CPU per tick of encoding and of decoding when libopus is replaced by C's `labs`.

    All that is ours runs: checks, dispatch, the loop, the call through the address. Only the work of libopus is gone,
    so that hundredths of a microsecond can be seen beside its 30 to 100.
    """
    empty = ctypes.cast(ctypes.CDLL(None).labs, ctypes.c_void_p).value or 0
    batch = OpusBatch(SESSIONS)
    batch.library = replace(batch.library, encode_address=empty, decode_address=empty)
    packets, sizes = np.zeros((SESSIONS, PACKET_BYTES), np.uint8), np.full(SESSIONS, 40, np.int32)
    packets[:, 0] = 0x48  # a frame of 20 ms, so that decoding goes all the way
    pcm = frames(SESSIONS, SAMPLES, 1)[0]
    given = np.full(SESSIONS, 40, np.int32)
    return (_seconds(lambda: batch.encode(pcm, packets, sizes), trials, repeats),
            _seconds(lambda: batch.decode(packets, given, pcm), trials, repeats))  # fmt: skip


def _seconds(work: Work, trials: int, repeats: int) -> list[float]:
    work()
    times = []
    for _ in range(trials):
        began = time.thread_time_ns()
        for _ in range(repeats):
            work()
        times.append((time.thread_time_ns() - began) / 1e9 / repeats)
    return times


def against_bare(blocks: int = BLOCKS, seed: int = 7) -> tuple[Interval, Interval]:
    """Return us per frame that our calls, and PyAV's, cost more than one compiled loop over the same frames.

    Interleaved, process CPU time, median of the paired differences. All three arms encode the same frames in turn
    from states that stay alike.
    """
    from perflab.benches.audio.opus_loop import encode_ticks

    sound = np.stack(frames(SESSIONS, SAMPLES, TICKS))
    packets, sizes = np.zeros((SESSIONS, PACKET_BYTES), np.uint8), np.zeros(SESSIONS, np.int32)
    ours, bare = OpusBatch(SESSIONS, BIT_RATE, COMPLEXITY), OpusBatch(SESSIONS, BIT_RATE, COMPLEXITY)
    library, active = bare.library, np.ones(SESSIONS, np.bool_)
    plain = [codec_named("opus-pyav").encoder(Settings(BIT_RATE, COMPLEXITY)) for _ in range(SESSIONS)]

    def by_tick() -> None:
        for frame in sound:
            ours.encode(frame, packets, sizes)

    def by_pyav() -> None:
        for frame in sound:
            for encoder, row in zip(plain, frame, strict=True):
                encoder.encode(row)

    def in_one_loop() -> None:
        encode_ticks(library.encode_address, bare.encoders, sound, packets, sizes, active)

    arms = {"ours": by_tick, "pyav": by_pyav, "bare": in_one_loop}
    wait_until_idle()
    times = time_paired(arms, TimingPlan(blocks=blocks, inner=1, warmups=3, seed=seed))
    cpu = {name: times.column(name, "cpu") * 1e6 / sound.shape[0] / SESSIONS for name in arms}
    return median_interval(cpu["ours"] - cpu["bare"]), median_interval(cpu["pyav"] - cpu["bare"])
