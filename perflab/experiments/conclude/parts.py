"""Parts that all findings are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from perflab.errors import UsageError
from perflab.experiments.conclude.own_waiting import of_own_making
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, TrialFacts
from perflab.experiments.units_of_work import judged_rows
from perflab.findings.finding import Effect, Evidence, Finding, TrustCheck
from perflab.stats.compare import Comparison
from perflab.stats.interval import Interval
from perflab.system.cores import default_cores
from perflab.system.variant import equivalence
from perflab.units import signed_percent

if TYPE_CHECKING:
    from perflab.experiments.blocks import BlockResult

Seen = TypeVar("Seen")
EQUAL_ANSWERS = "equal answers"
STAND_IN_CAVEAT = "the world around the system is a stand-in; its think time is a named profile, not the real service's"


def finding(study: Study, ordinal: str, **fields: Any) -> Finding:
    """Return a finding of this study's notebook; ids are F<notebook>-<ordinal>."""
    fields.setdefault("level", study.level)
    if study.quick and fields["level"] == "measured-quick":
        fields["caveats"] = (*fields.get("caveats", ()), "quick effort: shortened runs, fewer repetitions")
    if study.time_scale != 1.0:
        fields["caveats"] = (*fields.get("caveats", ()), f"every duration was multiplied by {study.time_scale:g}")
    return Finding(id=f"F{study.notebook[:2]}-{ordinal.replace('_', '-')}", notebook=study.notebook, **fields)


def observation(study: Study, ordinal: str, trust: tuple[TrustCheck, ...], **fields: Any) -> Finding:
    """Return a finding on what was seen, without a target to judge it by: reported, unless a check of it vetoes."""
    fields |= {"kind": "observation", "trust": trust, "verdict": "untrusted" if vetoed(trust) else "reported"}
    return finding(study, ordinal, **fields)


def effect_of(metric: str, interval: Interval, unit: str, n_unit: str) -> Effect:
    """Return an interval as an effect."""
    return Effect(
        metric=metric,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        unit=unit,
        confidence=interval.confidence,
        n=interval.n,
        n_unit=n_unit,
        method=interval.method,
    )


def effect_of_comparison(metric: str, comparison: Comparison, unit: str = "ratio") -> Effect:
    """Return a paired comparison as an effect: a ratio, or a difference in `unit`."""
    return effect_of(metric, comparison.interval, unit, "pairs")


def trust_of(
    trials: Iterable[Trial], *, side_by_side: bool = False, paired: bool = False, cpu_only: bool = False
) -> tuple[TrustCheck, ...]:
    """Return the checks on the measurement of some trials; the worst trial speaks for all, of `paired` blocks an arm.

    `side_by_side`: variants share a core on purpose and are compared by CPU time, which waiting does not change.
    `paired`: arms that take turns, block by block. Of a reading three quarters of the blocks of each arm count
    (`trust.most_blocks`): one of two hundred trials that met a neighbour is not the measurement. What is lost is
    counted over all, and a reading that is missing anywhere fails. Not for figures of all units of an arm together.
    `cpu_only`: arms in the same seconds of which only CPU is compared, so that a late load is a veto only from
    `trust.LATE_CPU_ONLY_MS` on.
    """
    from perflab.findings import trust

    facts = [trial.facts for trial in trials]
    if not facts:
        return ()
    arms = _by_arm(facts) if paired else [[each] for each in facts]
    frames = sum(int(f.generator["asked_frame_rate"] * f.generator["wall_s"]) for f in facts)
    veto_ms = trust.LATE_CPU_ONLY_MS if cpu_only else trust.LATE_MS
    late = trust.generator_late(_worst(arms, lambda f: f.generator["late_p99_ms"]), frames, veto_ms=veto_ms)
    return (
        _counted(late, facts, arms) if paired else late,
        trust.generator_cpu(_worst(arms, lambda f: f.generator["cpu_percent"]) / 100),
        trust.nothing_lost(
            sum(f.generator["lost_frames"] for f in facts), max(frames, 1), "frames", limit=trust.LOST_FRAMES
        ),
        _own_core(facts),
        trust.cpu_wait(
            _worst(arms, lambda f: f.run_delay_share), self_inflicted=of_own_making(facts), veto=not side_by_side
        ),
        trust.cpu_pressure(_worst(arms, lambda f: f.pressure_before)),
        *_disturbed([[f.disturbance for f in arm if f.disturbance] for arm in arms], side_by_side),
    )


def _by_arm(facts: Iterable[TrialFacts]) -> list[list[TrialFacts]]:
    arms: dict[str, list[TrialFacts]] = {}
    for each in facts:
        arms.setdefault(each.spec.arm or each.spec.variant, []).append(each)
    return list(arms.values())


def _counted(check: TrustCheck, facts: list[TrialFacts], arms: list[list[TrialFacts]]) -> TrustCheck:
    """Say beside the lateness of most blocks how many were later than is allowed."""
    from perflab.findings.trust import LATE_MS

    if max(map(len, arms)) < 4:
        return check
    over = sum(not each.generator["late_p99_ms"] <= LATE_MS for each in facts)
    told = f"{check.observed} in three of four blocks of each arm; {over} of {len(facts)} trials were too late"
    return check.model_copy(update={"observed": told})


def world_on_time(study: Study, trials: Iterable[Trial], scenario: str = "") -> tuple[TrustCheck, ...]:
    """Return the checks that the world around the system answered when it meant to; the worst trial speaks for all.

    For what rests on response times. None where the system's file has no sum of role "world", or rows lack its marks.
    """
    from perflab.findings import trust
    from perflab.samples.spans import lateness

    by_name: dict[str, list[Any]] = {}
    for seen in (one for trial in trials for one in _told(lateness, study, trial, scenario)):
        by_name.setdefault(seen.name, []).append(seen)
    worst = [
        max(seen, key=lambda one: (one.late > max(0.01 * one.units, 1), one.n == 0, one.late))
        for seen in by_name.values()
    ]
    return tuple(trust.world_on_time(one.name, one.p99_ms, one.limit_ms, one.n, one.late, one.units) for one in worst)


def reconciled(study: Study, trial: Trial, scenario: str = "") -> tuple[TrustCheck, ...]:
    """Return the checks of the system's own marks against outside clocks, for stages that are told by its own marks.

    Warnings: the judged figures come from outside clocks. None where no sum of the system's file names a `check`.
    """
    from perflab.findings import trust
    from perflab.samples.spans import reconcile

    found = _told(reconcile, study, trial, scenario)
    return tuple(trust.clocks_agree(c.name, c.median_ms, c.limit_ms, c.n, veto=False) for c in found)


def _told(ask: Callable[..., list[Any]], study: Study, trial: Trial, scenario: str) -> list[Any]:
    """Return what the marks of a trial's answered units tell; nothing where rows of an older run lack a mark."""
    if not study.system.spans.sum or trial.units.empty:
        return []
    rows = judged_rows(trial, study.system.load.unit_kind, scenario)
    try:
        return ask(rows[rows["outcome"] == "ok"], study.system.spans)
    except UsageError:
        return []


def _own_core(facts: list[TrialFacts]) -> TrustCheck:
    """Return the check that no process of the system, children too, could run where the load generator did."""
    from perflab.findings import trust

    own, shared = set[int](), set[int]()
    for each in facts:
        chosen = default_cores()  # of trials that did not keep theirs: the same choice as they made
        system = set(each.cores.get("system") or chosen.system)
        generator = system if each.shared_core else set(each.cores.get("generator") or chosen.others)
        own, shared = own | system, shared | (system & generator)
    check = trust.own_core(own, shared, veto=True)
    if not shared or any(each.shared_core for each in facts):
        return check
    return check.model_copy(
        update={"next_step": "Let no process of the system choose its cores: look for taskset or an affinity"}
    )


def arm_checks(study: Study, blocks: BlockResult, arm: str, variant: str) -> tuple[TrustCheck, ...]:
    """Return the checks that an arm of blocks, which ran `variant`, fails and answers as the baseline does."""
    exact = equivalence(study.system, study.variant(variant).flags) == "exact"
    answers = answers_check(blocks.equivalence.get(arm, (0, 0)), exact=exact, changed=arm, what="a variant")
    return (blocks.failing_alike(arm), answers)


def answers_check(counts: tuple[int, int], *, exact: bool, changed: str, what: str) -> TrustCheck:
    """Return the check that what is `exact` leaves every compared answer as it was; `counts`: equal, compared.

    Where no answer could be compared nobody checked it: that is no pass, and a warning beside the verdict.
    """
    equal, compared = counts
    passed = not exact or 0 < compared == equal
    return TrustCheck(
        name=EQUAL_ANSWERS,
        passed=passed,
        veto=compared > 0,
        observed=f"{equal} of {compared} equal the baseline's" if compared else "not checked: no answers to compare",
        limit=f"all, for {what} of class exact",
        next_step="" if passed else f"Find what {changed} changes" if compared else "Give each unit a digest",
    )


def _disturbed(arms: Iterable[list[dict[str, float]]], side_by_side: bool) -> tuple[TrustCheck, ...]:
    """Return the check on what the machine did meanwhile; none for trials of a time before it was kept."""
    from perflab.findings import trust

    told = [seen for seen in arms if seen]
    if not told:
        return ()
    steal = _worst(told, lambda one: one["steal"])
    throttled_s = _worst(told, lambda one: one["throttled_s"])
    canary = None if side_by_side else _worst(told, lambda one: one["canary"])
    return (trust.undisturbed(steal, throttled_s, canary),)


def _worst(arms: Iterable[Iterable[Seen]], of: Callable[[Seen], float]) -> float:
    """Return the largest of the arms' readings, NaN where any is missing: Python's max would hide it."""
    import numpy as np

    from perflab.findings.trust import most_blocks

    return float(np.max([most_blocks([of(one) for one in arm]) for arm in arms]))


def vetoed(checks: Iterable[TrustCheck]) -> bool:
    """Whether a failed check forbids a verdict."""
    return any(check.veto and not check.passed for check in checks)


def given_up(study: Study, base: Mapping[str, str], own: Mapping[str, str]) -> dict[str, Any]:
    """Return the detail that a variant gives up what its base keeps, where it is of class loss and the base is not.

    What a crash takes along, or what is no longer heard or remembered, is in no figure of CPU, tail or memory: with
    gains in all of them it is a price all the same. `base`, `own`: the flags of the two variants.
    """
    before, after = (equivalence(study.system, dict(flags)) for flags in (base, own))
    return {"gives up": "what the baseline keeps, by its class of equivalence"} if before != after == "loss" else {}


def percent_change(comparison: Comparison) -> str:
    """Say a ratio as a change with its interval, such as ``-72 % [-74, -70]``."""
    low, value, high = (signed_percent(x) for x in (comparison.low, comparison.effect, comparison.high))
    return f"{value} % [{low}, {high}]"


def evidence(*items: Evidence | None) -> tuple[Evidence, ...]:
    """Return the given evidence, leaving out what does not exist."""
    return tuple(item for item in items if item is not None)
