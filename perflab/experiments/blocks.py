"""Paired comparison of variants: randomised blocks of fresh trials with a null arm."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.block_work import counted_rows, cpu_s_per_unit
from perflab.experiments.null_arm import NULL, failed_null, null_checks, voided
from perflab.experiments.study import Study
from perflab.experiments.trial import Segment, Trial, TrialSpec, run_trial
from perflab.experiments.units_of_work import (
    SILENT_AFTER_S,
    failures,
    judged_rows,
    kb_per_unit,
    peak_memory_mb,
    response_ms,
)
from perflab.findings.finding import TrustCheck
from perflab.stats.compare import Comparison, compare_differences, compare_paired
from perflab.stats.schedule import block_seed
from perflab.stats.stopping import Stop, StopRule, decide, nothing_to_judge
from perflab.system.spec import System

SPREAD_S = 0.4  # over which the users of a block come: a step of this length bounds their jitter


@dataclass(frozen=True)
class BlockPlan:
    """How arms are compared: every block runs each arm once, in random order, on the same arrivals and work.

    Without `stop` there are `blocks` blocks. With it, blocks go on until every arm's interval of each figure in
    `watch` is narrow enough, or `cap_s` seconds have gone by (0 = no cap).
    `work` moves the seeds of order and work: blocks that confirm must not be those that chose.
    """

    blocks: int
    users: int
    units_per_user: int
    options: dict[str, float]
    limit_s: float  # an arm that has not finished its work by then is cut off
    stop: StopRule | None = None
    cap_s: float = 0.0
    watch: tuple[str, ...] = ("cpu_ms_per_unit",)
    work: int = 0

    @property
    def most(self) -> int:
        """The largest number of blocks that this plan can come to."""
        return self.stop.most if self.stop else self.blocks


@dataclass(frozen=True)
class ArmFigures:
    """One trial in the figures that arms are compared by; `units` and `failed` include units that it never did."""

    arm: str
    block: int
    cpu_ms_per_unit: float
    p50_ms: float
    p95_ms: float
    added_p50_ms: float
    memory_mb: float
    units: int
    failed: int
    late_p99_ms: float
    run_delay: float
    kb_per_unit: float = math.nan  # between client and system, both ways, 10^3 bytes


@dataclass(frozen=True)
class BlockResult:
    """All trials of a comparison, by arm and block."""

    figures: tuple[ArmFigures, ...]
    trials: tuple[str, ...]
    equivalence: dict[str, tuple[int, int]]  # arm -> (answers equal to the baseline's, answers compared)
    stop: Stop | None = None  # why there are as many blocks as there are; None = the number was fixed
    units_per_user: int = 0  # that a trial asked for; 0 = not known

    def column(self, arm: str, name: str) -> np.ndarray:
        """Return one figure of one arm in order of block."""
        rows = sorted((f for f in self.figures if f.arm == arm), key=lambda f: f.block)
        return np.array([getattr(row, name) for row in rows], dtype=float)

    @cached_property
    def null_checks(self) -> tuple[TrustCheck, ...]:
        """The null arm in every figure; empty when these blocks have none."""
        return null_checks(self.column) if self.has_null else ()

    @property
    def failed_null(self) -> str:
        """What the null arm got wrong, in any figure; empty when it holds."""
        return failed_null(self.null_checks)

    def failing_alike(self, arm: str, base: str = "baseline") -> TrustCheck:
        """Return the check that an arm fails about as many of its units as its base, over all blocks."""
        from perflab.findings.trust import failing_alike

        before, after = ([f for f in self.figures if f.arm == name] for name in (base, arm))
        return failing_alike(*((sum(f.failed for f in rows), sum(f.units for f in rows)) for rows in (before, after)))

    def compare(self, arm: str, name: str, margin: float, *, lower_is_better: bool = True) -> Comparison:
        """Compare an arm with the baseline by ratio; a null arm that fails in ANY figure voids it.

        What it got wrong is known to `failed_null` alone, which corrects for the number of figures: asked here for
        this figure by itself it would void sound blocks that its own check calls chance.
        """
        found = compare_paired(
            self.column("baseline", name),
            self.column(arm, name),
            lower_is_better=lower_is_better,
            margin=margin,
        )
        return voided(found, self.failed_null)

    def compare_ms(self, arm: str, name: str, margin_ms: float) -> Comparison:
        """Compare an arm with the baseline by difference in milliseconds; voided as `compare` is."""
        found = compare_differences(
            self.column("baseline", name),
            self.column(arm, name),
            lower_is_better=True,
            margin=margin_ms,
            unit="ms",
        )
        return voided(found, self.failed_null)

    @property
    def has_null(self) -> bool:
        """Whether these blocks measured the baseline twice."""
        return any(f.arm == NULL for f in self.figures)


def run_blocks(
    study: Study, arms: dict[str, str], plan: BlockPlan, label: str, *, systems: Mapping[str, System] | None = None,
    references: Mapping[str, str] | None = None,
) -> BlockResult:  # fmt: skip
    """Run `arms` (arm name to variant name) in randomised complete blocks; raises what a trial raises.

    `systems`: arm name to the system that the arm starts, where it is not the study's own (another commit's).
    `references`: arm name to the arm whose answers its own must equal, where that is not the baseline.

    Every arm of a block gets the same seed, hence the same phrases, pauses and think times (common random numbers);
    each trial is a fresh process and does a fixed amount of work, so that CPU per unit needs no window. The number of
    blocks is the plan's, or found by its stop rule; a block that was begun is finished. Trials that the run has
    already are read back, and the seconds of the cap count from now.
    """
    from perflab.stats.schedule import balanced_blocks

    studies = {arm: replace(study, system=(systems or {}).get(arm, study.system)) for arm in arms}
    began, stop = time.monotonic(), None
    trials: list[Trial] = []
    figures: list[ArmFigures] = []
    for block, names in enumerate(balanced_blocks(list(arms), plan.most, study.seed + plan.work)):
        for arm in names:
            _tell(study, label, arm, plan, len(arms), len(trials), time.monotonic() - began)
            trials.append(run_trial(studies[arm], block_spec(study, arms[arm], arm, block, plan, label)))
            figures.append(arm_figures(studies[arm], trials[-1]))
        stop = look(figures, plan, time.monotonic() - began)
        if stop and stop.stop:
            break
    names_of = tuple(t.spec.name for t in trials)
    equal = equal_to_own(trials, references or {})
    return BlockResult(tuple(figures), names_of, equal, stop, plan.units_per_user)


def look(figures: Sequence[ArmFigures], plan: BlockPlan, elapsed_s: float) -> Stop | None:
    """Ask the plan's stop rule after a block; None for a plan of a fixed number of blocks.

    The null arm is not asked: it needs no precision of its own, and its noise is in every other pair already.
    A figure without logarithms (a zero, NaN) is not asked either, for more pairs would not help it: whoever compares
    it is told why it cannot be computed. Without any figure left the blocks go on to their last, or to the cap.
    """
    if plan.stop is None:
        return None
    seen = BlockResult(tuple(figures), (), {})
    arms = {f.arm for f in figures} - {"baseline", NULL}
    late = 0 < plan.cap_s <= elapsed_s
    pairs = [(seen.column("baseline", name), seen.column(arm, name)) for arm in sorted(arms) for name in plan.watch]
    steps = [np.log(after / before) for before, after in pairs if _has_logarithms(before, after)]
    if not steps:
        return nothing_to_judge(plan.stop, len(seen.column("baseline", plan.watch[0])), out_of_time=late)
    return decide(plan.stop, *steps, out_of_time=late)


def _has_logarithms(*columns: np.ndarray) -> bool:
    return all(bool((np.isfinite(column) & (column > 0)).all()) for column in columns)


def _tell(study: Study, label: str, arm: str, plan: BlockPlan, arms: int, done: int, elapsed_s: float) -> None:
    """Say which block is under way, and how long it may still take: to the first look, or to the end."""
    expected = arms * (max(plan.stop.first, done // arms + 1) if plan.stop else plan.blocks)
    left = elapsed_s / done * max(expected - done, 0) if done else None
    of = f"at least {plan.stop.first}" if plan.stop else str(plan.blocks)
    study.progress(label, done, expected, f"block {done // arms + 1} of {of}, {arm}", left)


def block_spec(study: Study, variant: str, arm: str, block: int, plan: BlockPlan, label: str) -> TrialSpec:
    """Return one trial of a block: `users` come at once, each does `units_per_user` units, then the load ends."""
    return TrialSpec(
        name=f"{label}-b{block:02d}-{arm}",
        variant=variant,
        steps=((0.0, plan.users), (SPREAD_S, plan.users), (plan.limit_s, 0)),
        duration_s=plan.limit_s,
        segments=(Segment("block", 0.0, plan.limit_s, plan.users),),
        block=block,
        arm=arm,
        seed=block_seed(study.seed + plan.work, block),
        options={**plan.options, "units_per_user": float(plan.units_per_user)},
        drain_s=SILENT_AFTER_S,
    )


def arm_figures(study: Study, trial: Trial) -> ArmFigures:
    """Return the figures of one trial; raises StatisticError when it did no work.

    Response times and CPU are those of the units after each user's first fifth, where there are so many (`block_work`);
    all units count as failed or not, and the memory is that of the whole trial.
    """
    from perflab.samples.spans import sum_ms

    kind = study.system.load.unit_kind
    rows = counted_rows(trial, kind)
    times = response_ms(rows)
    failed, finished = failures(judged_rows(trial, kind))
    missing = max(_planned_units(trial.spec) - finished, 0)
    if len(times) < 2:
        raise StatisticError(
            f"Trial {trial.spec.name} finished {len(times)} units", "at least 2 are needed", "Look at its logs"
        )
    added = study.system.spans.added_to()
    added_ms = sum_ms(rows, added) if added else np.array([np.nan])
    return ArmFigures(
        arm=trial.spec.arm,
        block=trial.spec.block,
        cpu_ms_per_unit=1e3 * cpu_s_per_unit(trial, study.system),
        p50_ms=float(np.quantile(times, 0.5)),
        p95_ms=float(np.quantile(times, 0.95)),
        added_p50_ms=float(np.nanmedian(added_ms)) if np.isfinite(added_ms).any() else float("nan"),
        memory_mb=peak_memory_mb(trial, study.system),
        units=finished + missing,
        failed=failed + missing,
        late_p99_ms=trial.facts.generator.get("late_p99_ms", float("nan")),
        run_delay=trial.facts.run_delay_share,
        kb_per_unit=kb_per_unit(rows),
    )


def _planned_units(spec: TrialSpec) -> int:
    """Return how many units a block's users were to do; one that never began, or had not ended, leaves a gap here."""
    return spec.segments[0].users * int(spec.options.get("units_per_user", 0))


def equal_to_own(trials: list[Trial], references: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Return `equivalence` of each arm with its own reference: the baseline where none is named."""
    found = equivalence(trials, "baseline")
    for reference in set(references.values()) - {"baseline"}:
        own = equivalence(trials, reference)
        found |= {arm: own[arm] for arm, named in references.items() if named == reference and arm in own}
    return found


def equivalence(trials: list[Trial], reference: str) -> dict[str, tuple[int, int]]:
    """Return for each arm how many answers equal the reference arm's, unit by unit of the same block.

    An answer is its CRC-32 as the load file took it; a unit without a digest on either side is not compared.
    """
    answers: dict[tuple[int, str], dict[tuple[int, int, str], int]] = {}
    for trial in trials:
        rows = trial.units[(trial.units["digest"] != 0) & (trial.units["outcome"] == "ok")]
        keys = zip(rows["user"], rows["seq"], rows["name"], strict=True)
        answers[trial.spec.block, trial.spec.arm] = dict(zip(keys, rows["digest"], strict=True))
    found: dict[str, tuple[int, int]] = {}
    for (block, arm), mine in answers.items():
        theirs = answers.get((block, reference), {})
        common = mine.keys() & theirs.keys()
        equal, compared = found.get(arm, (0, 0))
        found[arm] = equal + sum(mine[key] == theirs[key] for key in common), compared + len(common)
    return {arm: counts for arm, counts in found.items() if arm != reference}
