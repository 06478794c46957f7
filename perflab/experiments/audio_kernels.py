"""What compiling buys: the kernels of audio held to the machine's ceiling, raced, called, started, threaded."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.audio.kernels import g711
from perflab.audio.kernels.ceiling import Ceiling, measure_ceiling
from perflab.audio.kernels.level import level
from perflab.audio.kernels.warm_up import warm_up
from perflab.benches.audio import companding, denoising, echo, fourier, mixing, opus, resampling, tones, voice_activity
from perflab.benches.audio.contest import Contest, Outcome, circumstances_line, hold
from perflab.benches.audio.material import FEW, endless, frames
from perflab.benches.audio.peers import audioop
from perflab.benches.audio.speexdsp import WHY as NO_SPEEXDSP
from perflab.benches.audio.speexdsp import speexdsp
from perflab.benches.audio.threads import ThreadGain, two_threads
from perflab.errors import InstrumentFailure, UsageError
from perflab.experiments.study import Study
from perflab.stats.interval import Interval
from perflab.system.cores import stay_on, staying_on

QUICK_BLOCKS, FULL_BLOCKS = 11, 41
BATCHES = (1, 4, 16, 64, 256)
SLOWED_PERCENT = 10  # CPU time that two threads take more for the same work, until they count as in each other's way
NEARLY_TWO = 1.9  # speed of two threads from which on too little is missing to ask why
STARTS = {"cached": False, "nothing cached": True}
_START = "from perflab.audio.kernels.warm_up import warm_up; print('took', warm_up(lambda line: None))"


@dataclass(frozen=True)
class Race:
    """All contests: `outcomes` in order; `left_out`: which peers are missing here, and why."""

    outcomes: tuple[Outcome, ...]
    left_out: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per contest for the figure."""
        return [{"label": o.contest.title, "value": o.ratio.value, "low": o.ratio.low, "high": o.ratio.high,
                 "limit": o.contest.limit} for o in self.outcomes]  # fmt: skip

    @property
    def slowest(self) -> Outcome:
        """The contest that is won by least."""
        return min(self.outcomes, key=lambda o: o.ratio.value)

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        ahead = sorted(o.ratio.value for o in self.outcomes if o.ratio.value >= 1)
        spread = f"{ahead[0]:.1f} to {ahead[-1]:.0f} times less" if ahead else "no less"
        short = [o.contest.title for o in self.outcomes if o.ratio.value < o.contest.limit]
        bars = f"below what was asked: {'; '.join(short)}" if short else "all reach what was asked"
        missing = f" Left out: {', '.join(self.left_out)}." if self.left_out else ""
        return (
            f"The compiled kernels take {spread} CPU than their native peers on the same work "
            f"({self.outcomes[0].ratio.n} paired trials each); {bars}.{self._behind}{missing} ({circumstances_line()}.)"
        )

    @property
    def _behind(self) -> str:
        """Name the contests that are lost, so that the range of those that are won hides none."""
        lost = [f"{o.contest.title} ({1 / o.ratio.value:.2f} times)" for o in self.outcomes if o.ratio.value < 1]
        return f" More CPU than the peer: {'; '.join(lost)}." if lost else ""


@dataclass(frozen=True)
class CallCost:
    """CPU time per session and frame by the sessions of one call: rows of kernel, sessions, us."""

    rows: tuple[dict[str, Any], ...]

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        parts = []
        for row in self.rows:
            first, last = row[_column(BATCHES[0])], row[_column(BATCHES[-1])]
            parts.append(f"{row['kernel']} {first / last:.0f} times")
        return f"With one session per call a session costs more than with {BATCHES[-1]}: {', '.join(parts)}."


def ceiling_of(study: Study) -> tuple[Ceiling, float]:
    """Warm all kernels up, then return the ceiling and the share of it that the resampler uses, in percent."""
    warm_up(lambda line: study.progress(line, 0, 1))
    ceiling = measure_ceiling()
    kernel, work = resampling.our_resampler(48_000, resampling.SESSIONS, 100.0)
    taken_us = hold(Contest("", "", work, work, resampling.SESSIONS, 0.0), blocks=7, seed=study.seed).ours_us
    return ceiling, 100 * kernel.taps.size * kernel.frame_out / (taken_us / 1e6) / ceiling.macs_per_s


def ceiling_sentence(ceiling: Ceiling, share: float) -> str:
    """Say what the machine can do and how much of it is used."""
    return (
        f"One core does {ceiling.macs_per_s / 1e9:.0f} G multiply-adds per second with {ceiling.lanes} lanes at "
        f"{ceiling.clock_hz / 1e9:.2f} GHz, that is {ceiling.fma_per_cycle:.2f} instructions per cycle "
        "(cores start one or two, by their number of such units); the resampler, conversion of its samples included, "
        f"uses {share:.0f} % of that."
    )


def race(study: Study) -> Race:
    """Hold every contest whose peer is installed, in interleaved pairs, on one core: one thread per library."""
    with staying_on(study.cores.others[:1]):
        return _raced(study)


def _raced(study: Study) -> Race:
    contests, left_out = [*fourier.contests(), *mixing.contests(), *voice_activity.contests(), tones.contest()], []
    peer = audioop()
    contests += mixing.level_contests(peer)
    if peer is not None:
        contests = companding.contests(peer) + contests
    else:
        left_out.append("audioop (gone since Python 3.13)")
    try:
        import soxr

        contests = resampling.contests(soxr) + contests
    except ImportError:
        left_out.append("soxr (pip install soxr)")
    if (library := speexdsp()) is None:
        left_out.append(NO_SPEEXDSP)
    else:
        contests += [denoising.contest(library), echo.contest(library)]
    try:
        contests.append(opus.contest())
    except UsageError as error:  # no PyAV, or a build of it without libopus
        left_out.append(f"Opus ({error})")
    blocks, outcomes = QUICK_BLOCKS if study.quick else FULL_BLOCKS, []
    for number, contest in enumerate(contests, 1):
        outcomes.append(hold(contest, blocks, study.seed))
        study.progress("race", number, len(contests), contest.title)
    return Race(tuple(outcomes), tuple(left_out))


def call_cost() -> CallCost:
    """Time one call with 1 to 256 sessions, 20 ms at 16 kHz each, and divide by the sessions."""
    makers: dict[str, Callable[[int], Callable[[], object]]] = {
        "resampler 48 to 16 kHz": lambda n: resampling.our_resampler(48_000, n, 100.0)[1],
        "G.711 coding": _coding,
        "level": _level,
    }
    return CallCost(tuple({"kernel": name, **{_column(n): round(_us(make(n)) / n, 3) for n in BATCHES}}
                          for name, make in makers.items()))  # fmt: skip


def _column(sessions: int) -> str:
    return f"{sessions} session{'s' if sessions > 1 else ''} (us each)"


def _coding(sessions: int) -> Callable[[], object]:
    fresh, out = endless(frames(sessions, 320, FEW)), np.zeros((sessions, 320), np.uint8)
    return lambda: g711.encode(next(fresh), out)


def _level(sessions: int) -> Callable[[], object]:
    fresh, out = endless(frames(sessions, 320, FEW)), np.zeros((sessions, 2), np.float32)
    return lambda: level(next(fresh), out)


def _us(work: Callable[[], object], repeats: int = 30, trials: int = 9) -> float:
    """Return the median CPU time of a call in microseconds."""
    work()
    times = []
    for _ in range(trials):
        began = time.process_time_ns()
        for _ in range(repeats):
            work()
        times.append((time.process_time_ns() - began) / repeats / 1e3)
    return float(np.median(times))


def start_cost() -> list[dict[str, Any]]:
    """Warm every kernel up in two fresh processes, with the compiled code cached and with an empty cache."""
    return [_started(name, empty) for name, empty in STARTS.items()]


def _started(name: str, empty: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **({"NUMBA_CACHE_DIR": folder} if empty else {})}
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _START], env=environment, capture_output=True, text=True,
                              timeout=120, check=False)  # fmt: skip
        whole = time.perf_counter() - began
    took = re.search(r"took ([\d.]+)", done.stdout)
    if took is None:
        raise InstrumentFailure("P101", "A fresh process did not warm up", "the kernels compile", done.stderr[-200:])
    return {"start": name, "warm-up (s)": round(float(took[1]), 2), "process (s)": round(whole, 2)}


def start_sentence(rows: list[dict[str, Any]]) -> str:
    """Say what a start costs with and without the cache."""
    cached, empty = (row["warm-up (s)"] for row in rows)
    return (
        f"The first calls of all kernels cost {cached:.1f} s with everything cached and {empty:.1f} s with nothing "
        "cached: warm up before accepting traffic."
    )


def thread_scaling(study: Study) -> ThreadGain:
    """Measure two threads on all cores of the study, then go back to the cores of the measuring side."""
    stay_on(tuple({*study.cores.system, *study.cores.others}))
    try:
        return _two_threads()
    finally:
        stay_on(study.cores.others)


def _two_threads() -> ThreadGain:
    works = [resampling.our_resampler(48_000, resampling.SESSIONS, 100.0)[1] for _ in range(2)]
    return two_threads(works, repeats=60)


def thread_sentence(study: Study, gain: ThreadGain) -> str:
    """Say what a second thread gains, or that this machine has no second core."""
    if study.cores.shared:
        return "There is one core here: what a second thread gains cannot be measured."
    extra = 100 * (gain.cpu - 1)
    if extra >= SLOWED_PERCENT:
        why = "they slow each other down"
    elif gain.speed.value < NEARLY_TWO:
        why = "what is missing to 2 was spent waiting for a core"
    else:
        why = "that is nearly all that two cores can give"
    return (
        f"Two threads resample {gain.speed.value:.2f} times as fast as one (n = {gain.speed.n}, "
        f"{bounds_told(gain.speed)}) and take {extra:+.0f} % of CPU time for the same work: {why}."
    )


def bounds_told(interval: Interval) -> str:
    """Say both bounds of a ratio; a side that n cannot bound is a question mark."""
    low, high = (f"{bound:.2f}" if bound is not None else "?" for bound in (interval.low, interval.high))
    return f"95 % interval {low} to {high}"
