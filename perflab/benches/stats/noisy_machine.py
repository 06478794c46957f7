"""A machine kept busy by our own hogs: false alarms, power and coverage of paired timing, on real work.

Four arms (A, its twin A', +2 % and +5 % more of the same work) are timed in blocks while four hogs come and go on the
cores. 200 comparisons of 20 pairs each, no sample in two of them. The repetitions of a block's trials are dealt out in
turn, three to a visit: core speed wanders by per cents within milliseconds here, and trials made one after the other
scatter four times as much (2.2 against 0.6 % a pair). A trial is judged by the lower quartile of the WALL times of its
repetitions, declared here before anything is measured: CPU time may be used only where a system never fills its own
cores, and the bar is about timing on a busy machine. What the other summaries of the very same repetitions would have
said stands in the detail. After each comparison A is timed against itself once more in the design AAA BBB: as many
trials, one after the other, in the same seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.errors import StatisticError
from perflab.instrument.hogs import hogs
from perflab.instrument.known_work import known_work
from perflab.instrument.noise import ThreadWait
from perflab.instrument.paired_times import SUMMARIES, Clock, PairedTimes, Summary
from perflab.instrument.paired_timing import NULL, TimingPlan, time_paired
from perflab.instrument.timed_trial import TimedTrial, time_calls
from perflab.stats.operating import Operating, grouped_comparisons, operating
from perflab.stats.proportion import clopper_pearson

ORDER = 50
COMPARISONS, PAIRS, MARGIN = 200, 20, 0.02
INNER, VISITS, ROUNDS = 30, 10, 5_000  # repetitions of about 0.15 ms: a trial needs 4.5 ms of CPU
HOGS, ON_S, OFF_S = 4, 2.0, 1.0  # mean stretches: neighbours come and go in seconds, a comparison takes about one
LIMIT_S = 580.0
TIMING_S = LIMIT_S - 20.0  # no trial may be timed after the hogs have ended
EFFECTS = {NULL: 0.0, "+2 %": 0.02, "+5 %": 0.05}
ESTIMATORS: tuple[tuple[Clock, Summary], ...] = (
    ("wall", "quartile"), ("wall", "median"), ("wall", "min"), ("wall", "mean"), ("cpu", "mean"),
)  # fmt: skip


def bars(say: Say) -> list[Bar]:
    """Measure for about six minutes and return the bars."""
    times, blocked = measure(say, COMPARISONS)
    done = judged(times, NULL).differs.n
    if done != COMPARISONS:
        raise StatisticError(f"{done} comparisons were timed while the hogs ran", f"{COMPARISONS} are asked")
    delay = float(times.wait_ns.sum() / times.length_ns.sum())
    table = [row(times, blocked, clock, summary) for clock, summary in ESTIMATORS]
    for line in table:
        say(" ".join(f"{name} {value}" for name, value in line.items()))
    detail = {"estimators": table, "hogs": HOGS, "run_delay": delay, "pairs": PAIRS, "inner": INNER, "visits": VISITS}
    return [
        Bar("noise.delay", "run delay of the timed thread beside our hogs", 100 * delay, ">=", 30, "%"),
        *_null_bars(times, blocked, detail),
        *_power_bars(times),
        *_coverage_bars(times),
    ]  # fmt: skip


@dataclass(frozen=True)
class Blocked:
    """A against itself in the design AAA BBB: `wall_ns` (comparisons, 2 x PAIRS, INNER), `cpu_ns` of each trial."""

    wall_ns: NDArray[np.int64]
    cpu_ns: NDArray[np.int64]

    def false_alarms(self, clock: Clock = "wall", summary: Summary = "quartile") -> int:
        """Count the comparisons in which the first half of the trials is told from the second.

        By a Mann-Whitney test at 5 %, which is what most tools do with two sets of runs: one in twenty would be right.
        """
        from scipy.stats import mannwhitneyu

        values = self.cpu_ns if clock == "cpu" else SUMMARIES[summary](self.wall_ns, axis=2)
        p = mannwhitneyu(values[:, :PAIRS], values[:, PAIRS:], axis=1).pvalue
        return int((np.asarray(p) < 0.05).sum())


def measure(say: Say, comparisons: int) -> tuple[PairedTimes, Blocked]:
    """Time all arms beside the hogs in interleaved blocks, and after each comparison A alone, trial after trial."""
    arms = {"A": known_work(1.0, ROUNDS), **{name: known_work(1 + e, ROUNDS) for name, e in EFFECTS.items()}}
    total, trials, wait = comparisons * PAIRS, list[list[TimedTrial]](), ThreadWait()

    def tick(done: int, of: int) -> None:
        if done % PAIRS == 0:
            trials.append([time_calls(arms["A"], INNER, wait) for _ in range(2 * PAIRS)])
        if done % 1000 == 0:
            say(f"  block {done} of {of}")

    try:
        with hogs(HOGS, LIMIT_S, on_s=ON_S, off_s=OFF_S):
            times = time_paired(arms, TimingPlan(total, INNER, VISITS, warmups=4, limit_s=TIMING_S), tick)
    finally:
        wait.close()
    wall, cpu = ([[getattr(one, name) for one in each] for each in trials] for name in ("wall_ns", "cpu_ns"))
    return times, Blocked(np.array(wall), np.array(cpu))


def judged(times: PairedTimes, arm: str, clock: Clock = "wall", summary: Summary = "quartile") -> Operating:
    """Compare A with an arm in groups of neighbouring pairs that share no sample."""
    steps = times.log_ratios("A", arm, clock=clock, summary=summary)
    return operating(grouped_comparisons(steps, PAIRS), PAIRS, EFFECTS[arm], MARGIN)


def row(times: PairedTimes, blocked: Blocked, clock: Clock, summary: Summary) -> dict[str, Any]:
    """Return what one way of summing up a trial would have said."""
    null, two, five = (judged(times, arm, clock, summary) for arm in EFFECTS)
    steps = times.log_ratios("A", NULL, clock=clock, summary=summary)
    return {
        "estimator": f"{clock} {summary}", "sd %": round(100 * float(steps.std(ddof=1)), 2),
        "mad %": round(148.26 * float(np.median(np.abs(steps - np.median(steps)))), 2),
        "false alarms": null.differs.events, "false verdicts": null.claims.events,
        "AAA BBB": blocked.false_alarms(clock, summary),
        "+2 % found": two.found.events, "+5 % found": five.found.events,
        "truth held": null.covers.events + two.covers.events + five.covers.events,
    }  # fmt: skip


def _null_bars(times: PairedTimes, blocked: Blocked, detail: dict[str, Any]) -> list[Bar]:
    null, blocks = judged(times, NULL), blocked.false_alarms()
    n, beside = null.differs.n, len(blocked.wall_ns)
    bound = clopper_pearson(blocks, beside)
    return [
        Bar("noise.null", "A/A: intervals without zero", null.differs.events, "<=", 16, f"of {n}", n, detail=detail),
        Bar("noise.false", "A/A: verdicts better or worse", null.claims.events, "<=", 4, f"of {n}", n),
        Bar("noise.block", "AAA BBB in the same seconds: false alarms", 100 * blocks / beside, ">=", 15, "%", beside,
            _percent(bound.low, bound.high)),
    ]  # fmt: skip


def _power_bars(times: PairedTimes) -> list[Bar]:
    made = []
    for arm, limit in (("+5 %", 95), ("+2 %", 85)):
        found = judged(times, arm).found
        made.append(Bar(f"noise.{arm[1]}", f"{arm} found with {PAIRS} pairs", 100 * found.value, ">=", limit, "%",
                        found.n, _percent(found.low, found.high)))  # fmt: skip
    return made


def _coverage_bars(times: PairedTimes) -> list[Bar]:
    """Both sides of 92 to 98 %, over the two planted effects together."""
    seen = [judged(times, arm).covers for arm in ("+2 %", "+5 %")]
    events, n = sum(s.events for s in seen), sum(s.n for s in seen)
    bound = clopper_pearson(events, n)
    detail = {f"effect {arm}": s.value for arm, s in zip(("+2 %", "+5 %"), seen, strict=True)}
    return [
        Bar(f"noise.cover.{side}", f"intervals that hold the planted truth, {words}", 100 * events / n, operator, limit,
            "%", n, _percent(bound.low, bound.high), detail)
        for side, words, operator, limit in (("low", "at least", ">=", 92), ("high", "at most", "<=", 98))
    ]  # fmt: skip


def _percent(low: float | None, high: float | None) -> tuple[float, float]:
    return 100 * (low or 0.0), 100 * (1.0 if high is None else high)
