"""Judge the targets of a system by what a load matrix read: latencies first, then what holds only where they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from perflab.errors import NotComparable
from perflab.experiments.conclude.parts import trust_of, world_on_time
from perflab.experiments.material import Material, material_of
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.own_part import own_part_or_why
from perflab.experiments.readings import MISSED, Reading, answered, read_measure
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, read_trial
from perflab.stats.interval import Interval
from perflab.units import interval_text

if TYPE_CHECKING:
    import pandas as pd

    from perflab.findings.catalogue import Target
    from perflab.findings.finding import TrustCheck
    from perflab.findings.judge import Judgement
    from perflab.system.tables.load import Measure

NEED_LATENCY = ("sustained_users", "rate_per_min")  # kinds that hold only where the latencies at that load do
WORLD = "world"


@dataclass(frozen=True)
class Judged:
    """One target under one condition: what was read of a variant, and what is said of it."""

    target: Target
    reading: Reading
    judgement: Judgement
    scenario: str
    condition: str
    trial: str
    trust: tuple[TrustCheck, ...] = ()
    variant: str = ""
    cause: str = ""  # WORLD where a miss is none of the system's doing
    material: Material = field(default_factory=Material)  # what the load sent, where its file says so


def judge_targets(study: Study, results: Sequence[MatrixResult]) -> list[Judged]:
    """Judge every target of the system's domain that has a measure, by each matrix.

    The judged variant first, under each condition; other variants, today's among them, are shown beside it.
    """
    from perflab.findings.catalogue import load_targets

    if not study.system.targets:
        return []
    targets = [t for t in load_targets(study.system.resolve(study.system.targets)) if t.domain == study.system.domain]
    ordered = sorted(results, key=lambda r: r.variant != study.system.judge)
    return [item for r in ordered for item in _judge_condition(study, r, targets)]


def _judge_condition(study: Study, result: MatrixResult, targets: Sequence[Target]) -> list[Judged]:
    """Judge the targets by one matrix; latencies before levels and rates, which are held only where those are."""
    measures = {m.metric: m for m in study.system.measure}
    trial = read_trial(study, result.trial)
    trust = trust_of([trial])
    made: dict[str, Judged] = {}
    asked = [(target, measures[target.metric]) for target in targets if target.metric in measures]
    for target, measure in sorted(asked, key=lambda item: item[1].kind in NEED_LATENCY):
        scenario = study.system.target_scenario.get(target.id) or measure.scenario or _usual(result)
        if scenario not in result.levels:
            continue
        reading = read_measure(study, measure, trial, scenario, target.verdict_aggregate)
        checks = (*trust, *answered(measure, trial, scenario))
        if measure.kind == "latency" and measure.rows == study.system.load.unit_kind:
            checks += world_on_time(study, [trial], scenario)
        slow = _latencies_of(measure, [j for j in made.values() if j.scenario == scenario], measures)
        held, more = as_held(reading, slow) if measure.kind in NEED_LATENCY else (reading, ())
        if measure.kind == "rate_per_min":  # its figure stays what was measured, and is no level that is or is not held
            held = reading
        item = _judge(study, target, held, (*checks, *more), scenario, result)
        if measure.kind == "latency":
            item = _parted(study, item, measure, trial)
        elif measure.kind == "rate_per_min":
            item = _too_slow(item, slow)
        elif held is not reading:
            item = _blamed(item, reading, slow)
        if item.judgement.verdict == "misses" and not item.judgement.next_step:
            item = replace(item, judgement=replace(item.judgement, next_step=_step(measure, result)))
        made[target.id] = replace(item, material=material_of(trial.facts.notes))
    return [made[target.id] for target in targets if target.id in made]


def _step(measure: Measure, result: MatrixResult) -> str:
    return MISSED[measure.kind].format(variant=result.variant)


def _usual(result: MatrixResult) -> str:
    """Return the scenario of targets that name none: `normal`, or the first where the system calls it otherwise."""
    return "normal" if "normal" in result.levels else next(iter(result.levels), "")


def _latencies_of(measure: Measure, there: Sequence[Judged], measures: dict[str, Measure]) -> list[Judged]:
    """Return the latencies that bear on a level or a rate: for a rate those of the same rows that do not hold.

    A rate may be judged where its latencies are still open: it was answered, only when is not known.
    """
    found = [j for j in there if measures[j.target.metric].kind == "latency"]
    if measure.kind == "sustained_users":
        return found
    same = [j for j in found if _share_rows(measures[j.target.metric], measure)]
    return [j for j in same if j.judgement.verdict in ("misses", "untrusted")]


def _share_rows(one: Measure, other: Measure) -> bool:
    """Whether two measures read some of the same rows: those of one tag say nothing of another's."""
    named = ((one.tag, other.tag), (one.name, other.name))
    return one.rows == other.rows and all(not a or not b or a == b for a, b in named)


def _too_slow(item: Judged, slow: Sequence[Judged]) -> Judged:
    """Let a rate whose latencies miss miss its target, and show what it was."""
    missed = sorted((j for j in slow if j.judgement.verdict == "misses"), key=lambda j: bool(j.cause))
    said = item.judgement
    if not missed or said.verdict not in ("meets", "inconclusive"):
        return item
    worst = missed[0]
    reason = f"{said.reason}, but {worst.target.id} at that load: {worst.judgement.printed}, {worst.judgement.reason}"
    printed = said.printed.replace(said.verdict, "misses", 1)
    changed = replace(said, verdict="misses", printed=printed, reason=reason, next_step=worst.judgement.next_step)
    return replace(item, judgement=changed, cause=worst.cause)


def _parted(study: Study, item: Judged, measure: Measure, trial: Trial) -> Judged:
    """Tell beside a latency what the system adds to it, and whether any change of the system could meet the target.

    Where nothing tells it, why: a reader would else take the whole response for the system's, or for the world's.
    """
    if item.judgement.interval is None:
        return item
    part = own_part_or_why(study, measure, trial, item.scenario, item.target.verdict_aggregate)
    if isinstance(part, str):
        return _with_reason(item, part)
    limit_ms = 1e3 * item.target.canonical_value
    item = _with_reason(item, part.told(limit_ms))
    if item.judgement.verdict != "misses":
        return item
    step = part.step(limit_ms, item.reading.interval.value if item.reading.interval else limit_ms)
    cause = WORLD if part.out_of_reach(limit_ms) else ""
    return replace(item, judgement=replace(item.judgement, next_step=step), cause=cause)


def _blamed(item: Judged, reading: Reading, slow: Sequence[Judged]) -> Judged:
    """Give a level that only its latencies kept from being held their cause and next step."""
    missed = sorted((j for j in slow if j.judgement.verdict == "misses"), key=lambda j: bool(j.cause))
    if item.judgement.verdict != "misses" or not missed or not reading.interval or not reading.interval.low:
        return item
    step = missed[0].judgement.next_step
    return replace(item, judgement=replace(item.judgement, next_step=step), cause=missed[0].cause)


def _judge(
    study: Study, target: Target, reading: Reading, trust: tuple[TrustCheck, ...], scenario: str, result: MatrixResult
) -> Judged:
    """Judge one target by its reading, and tell beside it what the reading has to say."""
    from perflab.findings.judge import judge_target

    own, reason, step = reading.interval, reading.reason, reading.next_step
    try:
        said = judge_target(
            target,
            own,
            unit=reading.unit,
            level=study.level,
            trust=trust,
            domain=study.system.domain,
            reason=reason,
            next_step=step,
        )
    except NotComparable as error:
        said = judge_target(
            target, None, level=study.level, domain=study.system.domain, reason=error.given, next_step=error.next_step
        )
    condition = ",".join(f"{k}={v}" for k, v in study.system.conditions(**result.conditions).items())
    item = Judged(target, reading, said, scenario, condition, result.trial, trust, result.variant)
    return _with_reason(item, reading.reason) if said.interval else item


def _with_reason(item: Judged, more: str) -> Judged:
    if not more:
        return item
    return replace(item, judgement=replace(item.judgement, reason=f"{item.judgement.reason} ({more})"))


def as_held(reading: Reading, latencies: Sequence[Judged]) -> tuple[Reading, tuple[TrustCheck, ...]]:
    """Return the reading of a level no better than the latencies judged at it, and the checks they failed.

    Users who are served too slowly are not sustained: a level whose latency misses is not held, one whose latency is
    open or untrusted is not surely held. Of several misses the one that the system could mend is named.
    """
    by_verdict = {j.judgement.verdict: j for j in sorted(reversed(latencies), key=lambda j: not j.cause)}
    own = reading.interval
    if own is None or own.high == 0:
        return reading, ()
    if worst := by_verdict.get("misses"):
        seen = interval_text(own.value, own.low, own.high, reading.unit)
        reading = replace(reading, reason=reading.reason or f"{seen} answered")
        return _bounded(reading, Interval(0, 0, 0, own.confidence, own.n, "level not held"), worst), ()
    if worst := by_verdict.get("untrusted"):
        return reading, tuple(check for check in worst.trust if check.veto and not check.passed)
    if worst := by_verdict.get("inconclusive") or by_verdict.get("not-yet-judged"):
        return _bounded(reading, replace(own, low=0), worst), ()
    return reading, ()


def _bounded(reading: Reading, interval: Interval, by: Judged) -> Reading:
    why = f"{by.target.id} at that level: {by.judgement.printed}, {by.judgement.reason}"
    return replace(reading, interval=interval, reason="; ".join(filter(None, (reading.reason, why))))


def target_table(judged: Sequence[Judged]) -> pd.DataFrame:
    """Return the judged targets as a short table; of a condition what tells it from the others, the rest on top."""
    import pandas as pd

    from perflab.findings.conditions import conditions

    under = conditions(j.condition for j in judged)
    beside = f"condition (beside {under.shared})" if under.shared else "condition"
    return pd.DataFrame(
        [
            {
                "target": j.target.id,
                "variant": j.variant,
                "asked": j.target.text,
                "scenario": j.scenario,
                beside: under.shown(j.condition),
                "seen": j.judgement.reason,
                "n": f"{j.reading.n} {j.reading.n_unit}",
                "verdict": j.judgement.printed,
            }
            for j in judged
        ]
    )
