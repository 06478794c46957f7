"""Checks on the measurement itself. Each says what was seen, what is allowed, and what to do next.

A failed check with `veto` makes every verdict that rests on it untrusted; without, it is a warning beside the verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from perflab.environment import differences
from perflab.findings.finding import TrustCheck
from perflab.units import number_text, percent_text

if TYPE_CHECKING:
    from perflab.stats.compare import Comparison

LATE_MS = 5.0  # p99 of send lateness: a quarter of a 20 ms frame
# Of arms in the same seconds that are compared by CPU alone: in 33 screenings of the gateway, late by 4 to 60 ms, the
# ratio of an arm to its baseline moved by -0.01 % +- 0.06 % for each ms (slope and two standard errors, 262 ratios).
LATE_CPU_ONLY_MS = 20.0
GENERATOR_WARN, GENERATOR_VETO = 0.60, 0.85  # CPU share of one core of one worker
RUN_DELAY = 0.20  # share of its runnable time that a process spent waiting for a core
PRESSURE = 0.40  # PSI cpu "some": share of time in which somebody waited
LOST_FRAMES = 0.001
OWN_WAITING = "Nothing else ran there: its own threads and processes queue for its core; look at fewer users"
STEAL, CANARY = 0.05, 2.0  # share of CPU time taken by the hypervisor; times as slow as fixed work can be
FAILED_APART = 0.02  # between the shares of failed units of two arms


def most_blocks(readings: Sequence[float]) -> float:
    """Return the largest reading of an arm's blocks that is left when a quarter of them, the worst, is put aside.

    NaN where one is missing. Why a quarter: the Hodges-Lehmann estimate of paired blocks withstands up to 29 % of wild
    ones, and a few of a hundred always meet a neighbour; what more of an arm's blocks suffer is in its figures. The
    null arm meets as many, and the interval is the wider for them. Of three blocks and fewer none is put aside. Source:
    Hodges and Lehmann, Estimates of location based on rank tests, 1963; breakdown point 1 - 1/sqrt(2): Huber, Robust
    Statistics, 1981. Example: of nine blocks late by 1 ms and three late by 9 ms it is 1 ms, of eight and four 9 ms.
    """
    if not readings or any(math.isnan(value) for value in readings):
        return math.nan
    return sorted(readings)[len(readings) - 1 - len(readings) // 4]


def generator_late(p99_ms: float, frames: int, what: str = "frames", *, veto_ms: float = LATE_MS) -> TrustCheck:
    """The load generator kept its schedule; frames that leave late make the system look slow. `p99_ms` NaN fails.

    Above `LATE_MS` it fails; a veto from `veto_ms` on, which may be more where no response time is compared.
    """
    passed = p99_ms <= LATE_MS
    above = f", veto above {veto_ms:g} ms" if veto_ms > LATE_MS else ""
    return TrustCheck(
        name="load generator on time", passed=passed, veto=not LATE_MS < p99_ms <= veto_ms,
        limit=f"p99 at most {LATE_MS:g} ms{above}",
        observed=_seen(p99_ms, f"p99 {number_text(p99_ms)} ms over {frames:,} {what}"),
        next_step="" if passed else "Use fewer users for each worker: --workers 2, or a core of its own",
    )  # fmt: skip


def generator_cpu(share: float) -> TrustCheck:
    """The load generator had CPU to spare: above 60 % of a core it is a warning, above 85 % a veto."""
    passed = share <= GENERATOR_WARN
    return TrustCheck(
        name="load generator not saturated", passed=passed, veto=not share <= GENERATOR_VETO,
        observed=_seen(share, f"{percent_text(share)} of a core"),
        limit=f"warning above {GENERATOR_WARN:.0%}, veto above {GENERATOR_VETO:.0%}",
        next_step="" if passed else "Spread the users over more workers: --workers 2",
    )  # fmt: skip


def own_core(system: set[int], generator: set[int], *, veto: bool = False) -> TrustCheck:
    """The system ran on cores that the load generator and instruments did not use."""
    shared = sorted(system & generator)
    return TrustCheck(
        name="system on cores of its own", passed=not shared, veto=veto, limit="no core in common",
        observed=f"shares core {', '.join(map(str, shared))}" if shared else f"system on core {_cores(system)}",
        next_step="Run on a machine with two cores or more" if shared else "",
    )  # fmt: skip


def cpu_wait(run_delay_share: float, *, self_inflicted: bool = False, veto: bool = True) -> TrustCheck:
    """The system got the CPU when it asked for it: run delay / (run delay + running), from /proc/<pid>/schedstat.

    Steal is blind to neighbours inside the same machine; run delay tracks slowdown at a rank correlation of 0.98.
    `self_inflicted`: the system itself kept its cores busy, so that it waited for itself: then it is no veto.
    NaN = the sensor has no two readings: that fails, because nobody knows that it did not wait.
    """
    waited = f"{percent_text(run_delay_share)} of its runnable time" + (", of its own making" * self_inflicted)
    passed = run_delay_share <= RUN_DELAY
    return TrustCheck(
        name="system not waiting for a core", passed=passed, veto=veto and not self_inflicted,
        observed=_seen(run_delay_share, waited), limit=f"at most {RUN_DELAY:.0%}",
        next_step="" if passed else OWN_WAITING if self_inflicted else "Stop what else runs here, then measure again",
    )  # fmt: skip


def cpu_pressure(share: float) -> TrustCheck:
    """Nobody else wanted the CPU before the load began (PSI, cpu some): a warning, because pairing survives it."""
    passed = share <= PRESSURE
    return TrustCheck(
        name="machine quiet before the load", passed=passed, veto=False, limit=f"at most {PRESSURE:.0%}",
        observed=_seen(share, f"tasks waited {percent_text(share)} of the time"),
        next_step="" if passed else "Stop what else runs here: perflab doctor lists it",
    )  # fmt: skip


def undisturbed(steal: float, throttled_s: float, canary: float | None) -> TrustCheck:
    """Nobody took the machine away during the load: stolen time, a CPU quota, fixed work timed before and after it.

    A warning, because pairing survives what strikes all arms alike, and run delay sees what a process itself waited.
    `canary`: how many times as long as its least CPU time the fixed work took; None = not asked (arms side by side).
    """
    slow = f", a canary {canary:.1f} times as slow as it can be" if canary is not None else ""
    passed = steal <= STEAL and throttled_s <= 0 and (canary is None or canary <= CANARY)
    return TrustCheck(
        name="machine undisturbed during the load", passed=passed, veto=False,
        observed=f"{percent_text(steal)} stolen, throttled for {number_text(throttled_s)} s{slow}",
        limit=f"at most {STEAL:.0%} stolen, not throttled" + (f", canary {CANARY:g} times" if slow else ""),
        next_step="" if passed else "Raise the CPU quota, or measure on a machine of one's own",
    )  # fmt: skip


def null_arm(comparison: Comparison, *, chance: bool = False) -> TrustCheck:
    """Two identical arms measured alike. `comparison`: baseline against its twin, over the same blocks.

    It fails when the twin would be called better or worse: an interval that excludes "no change" and that does not
    lie inside the margin. `chance`: it would, but not after correction for the figures that were looked at with it.
    """
    ratio, c = comparison.scale == "ratio", comparison
    shown = f"{(c.effect - 1) * 100:+.1f} %" if ratio else f"{c.effect:+.3g} {c.unit}".rstrip()
    if chance and c.false_alarm:
        shown += " (chance among so many figures)"
    return _alike(chance or not c.false_alarm, shown, percent_text(c.margin) if ratio else number_text(c.margin), c.n)


def null_arm_constant(step: float, n: int, margin: float, *, ratio: bool) -> TrustCheck:
    """Two identical arms that lie one constant `step` apart, of which no interval can be made.

    `step`: a log-ratio where `ratio`, else a difference in the unit of `margin`. It fails beyond the margin.
    """
    passed = abs(step) < (math.log1p(margin) if ratio else margin)
    shown = f"{math.expm1(step) * 100:+.1f} %" if ratio else f"{step:+.3g}"
    return _alike(passed, f"always {shown}", percent_text(margin) if ratio else number_text(margin), n)


def _alike(passed: bool, shown: str, margin: str, n: int) -> TrustCheck:
    return TrustCheck(
        name="identical arms measure alike", passed=passed, observed=f"{shown} in {n} pairs",
        limit=f"no difference that may lie beyond the margin of {margin}",
        next_step="" if passed else "The blocks are biased: measure again on a quieter machine",
    )  # fmt: skip


def failing_alike(before: tuple[int, int], after: tuple[int, int]) -> TrustCheck:
    """Two arms failed units alike: (failed, finished) of the baseline and of the arm, shares at most 2 points apart.

    Figures are those of the units that did not fail. An arm that fails more drops its slow and costly units and looks
    better for it; one that fails less keeps them and looks worse. An arm without a finished unit fails the check.
    """
    shares = [failed / finished if finished else math.nan for failed, finished in (before, after)]
    passed = abs(shares[1] - shares[0]) <= FAILED_APART
    seen = f"{after[0]:,} of {after[1]:,} units failed, {before[0]:,} of {before[1]:,} of the baseline's"
    return TrustCheck(
        name="arms fail alike", passed=passed, observed=seen, limit=f"at most {100 * FAILED_APART:g} points apart",
        next_step="" if passed else "Find why its units fail: the figures are those of the others",
    )  # fmt: skip


def nothing_lost(lost: float, total: int, what: str = "rows", *, limit: float = 0.0) -> TrustCheck:
    """What was sent was accounted for: no row missing (limit 0), at most 0.1 % of frames (limit LOST_FRAMES)."""
    passed = total > 0 and lost <= limit * total
    return TrustCheck(
        name=f"no {what} lost", passed=passed, observed=_seen(lost, f"{lost:,.0f} of {total:,} {what}"),
        limit="none" if limit == 0 else f"at most {percent_text(limit)}",
        next_step="" if passed else "See the load generator's log in the trial's folder",
    )  # fmt: skip


def clocks_agree(name: str, median_ms: float, limit_ms: float, n: int, *, veto: bool = True) -> TrustCheck:
    """The system's own marks agree with the clocks of client and stand-ins; `median_ms`: own less outside.

    They also part where a system is behind: what waits in a socket before it reads has none of its marks yet. So
    stages that are believed for what they are, and no judgement, take it without `veto`.
    """
    passed = n > 0 and abs(median_ms) <= limit_ms
    less = "a mark is too early or too late, or work waits before the system's first mark or after its last"
    return TrustCheck(
        name=f"{name} reconciled with outside clocks", passed=passed, veto=veto, limit=f"within {limit_ms:g} ms",
        observed=f"median apart {number_text(median_ms, 2)} ms over {n:,} units" if n else "no unit has all its marks",
        next_step="" if passed else
        f"Look at the stages: {less if median_ms < 0 else 'a mark is set too early or too late'}",
    )  # fmt: skip


def world_on_time(
    name: str, p99_ms: float, limit_ms: float, n: int, late: int, units: int, *, veto: bool = True
) -> TrustCheck:
    """The world around the system answered when it meant to; what it adds of itself is not the system's time.

    At most 1 % of all `units` (or one of fewer than 100) waited more than `limit_ms` for it, so a quantile q of the
    responses lies at most `limit_ms` above the quantile q + 1 % that a world on time would have shown. `n` of them
    asked it and tell; where none does it is a warning, no veto.
    """
    passed = n > 0 and late <= max(0.01 * units, 1)
    return TrustCheck(
        name=f"world around the system on time ({name})", passed=passed, veto=veto and n > 0,
        observed=f"{late:,} of {units:,} units waited longer, p99 {number_text(p99_ms)} ms late over {n:,}" if n
        else "no unit has all its marks",
        limit=f"at most 1 % of the units wait more than {limit_ms:g} ms",
        next_step="" if passed else "Give the stand-ins a core of their own, or use fewer users",
    )  # fmt: skip


def one_environment(fingerprints: Sequence[Mapping[str, Any]]) -> TrustCheck:
    """All trials come from one machine in one state."""
    found = [text for other in fingerprints[1:] for text in differences(fingerprints[0], other)]
    return TrustCheck(
        name="one environment", passed=bool(fingerprints) and not found, limit="all equal",
        observed=found[0] if found else f"{len(fingerprints)} equal fingerprints",
        next_step="Measure all trials again on one machine" if found else "",
    )  # fmt: skip


def vetoes(checks: Sequence[TrustCheck]) -> list[TrustCheck]:
    """Return the failed checks that make a verdict untrusted."""
    return [check for check in checks if check.veto and not check.passed]


def warnings(checks: Sequence[TrustCheck]) -> list[TrustCheck]:
    """Return the failed checks that are shown beside a verdict."""
    return [check for check in checks if not check.veto and not check.passed]


def _seen(reading: float, text: str) -> str:
    return "not measured" if math.isnan(reading) else text


def _cores(cores: set[int]) -> str:
    return ", ".join(map(str, sorted(cores)))
