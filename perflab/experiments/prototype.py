"""Baseline against the judged variant: blocks, flags, matrix, targets; what 30_prototype calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from perflab.errors import StatisticError
from perflab.experiments import tables
from perflab.experiments.blocks import BlockPlan, BlockResult, run_blocks
from perflab.experiments.conclude.parts import arm_checks, percent_change, trust_of
from perflab.experiments.confirm import FRESH_WORK, Confirmation, confirmed_figures
from perflab.experiments.effort import Effort
from perflab.experiments.matrix import MatrixResult, run_matrix
from perflab.experiments.null_arm import CPU_MARGIN, FIGURES, NULL, failed_null
from perflab.experiments.readings import Reading, answered, own_part, read_measure
from perflab.experiments.screen import Screening, ScreenPlan, arms_of, screen_flags
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, read_trial
from perflab.stats.interval import Interval
from perflab.stats.stopping import StopRule

if TYPE_CHECKING:
    import pandas as pd

    from perflab.findings.catalogue import Target
    from perflab.findings.finding import TrustCheck
    from perflab.findings.judge import Judgement
    from perflab.system.spec import Scenario

# Of the first and of the other scenarios at quick for a variant on which no target is judged. What one core carries is
# read from the first: 50 users finish 100 turns in it, fewer have no p95 with an interval.
SHOWN_FIRST_S, SHOWN_S = 13.0, 10.0
BLOCK_OPTIONS = {"think_s": 0.3, "phrase_max_s": 1.2}


@dataclass(frozen=True)
class Judged:
    """One target under one condition: what was read, and what is said of it."""

    target: Target
    reading: Reading
    judgement: Judgement
    scenario: str
    condition: str
    trial: str
    trust: tuple[TrustCheck, ...] = ()


def compare_variants(study: Study, sizes: Effort) -> BlockResult:
    """Run the blocks {baseline, null arm, judged variant}: eight at quick, as many as the interval asks for at full."""
    arms = {"baseline": "baseline", NULL: "baseline", study.system.judge: study.system.judge}
    return run_blocks(study, arms, block_plan(study, sizes, sizes.blocks_cap_s), "compare")


def confirm_flags(study: Study, sizes: Effort, screening: Screening | None) -> Confirmation | None:
    """Run fresh blocks {baseline, null arm, chosen flags}; None where nothing is confirmed at this effort."""
    chosen = screening.chosen(sizes.confirm_flags) if screening else ()
    if not chosen:
        return None
    plan = replace(block_plan(study, sizes, sizes.confirm_cap_s, len(chosen)), work=FRESH_WORK)
    own = {e.arm: e.base for e in chosen}
    return confirmed_figures(
        chosen, run_blocks(study, arms_of([e.pair for e in chosen]), plan, "confirm", references=own)
    )


def confirmation_sentence(study: Study, screening: Screening | None, confirmation: Confirmation | None) -> str:
    """Say what was chosen, what was confirmed, and that the rest is a screening."""
    if screening is None:
        return "This system has no flags."
    passed = sum(effect.screened.passed for effect in screening.effects)
    told = f"{passed} of {len(screening.effects)} flags passed the screening"
    left = (*screening.left_out, *screening.without_work)
    told += f" (not screened: {', '.join(left)})" if left else ""
    if confirmation is None:
        return f"{told}; none was confirmed in this run: every estimate here is screened, not confirmed."
    flags = {f.effect.arm for f in confirmation.figures}
    stop = confirmation.blocks.stop
    return f"{told}, {len(flags)} were confirmed on fresh blocks{f' ({stop.sentence})' if stop else ''}."


def block_plan(study: Study, sizes: Effort, cap_s: float, family: int = 1) -> BlockPlan:
    """Return the plan of a set of blocks of this effort, which may take `cap_s` seconds where its number is open.

    `family`: how many comparisons are judged together; the figures of the null arm are always so many. Blocks go on
    beyond the cap until one among them could be confirmed.
    """
    together = max(family, len(FIGURES))
    stop = StopRule(sizes.block_half_width, sizes.blocks, family=together) if sizes.block_half_width else None
    return BlockPlan(
        sizes.blocks,
        sizes.block_users,
        sizes.units_per_user,
        BLOCK_OPTIONS,
        limit_s=10.0 + 2.0 * sizes.units_per_user * study.system.load.probe_seconds,
        stop=stop,
        cap_s=cap_s,
    )


def block_trials(study: Study, result: BlockResult) -> list[Trial]:
    """Return the trials of a comparison."""
    return [read_trial(study, name) for name in result.trials]


def response_rows(study: Study, result: BlockResult) -> list[dict[str, Any]]:
    """Return the response times of baseline and judged variant."""
    judged = study.system.judge
    return tables.response_rows(study, block_trials(study, result), {"baseline": "baseline", judged: judged})


def comparison_sentence(study: Study, result: BlockResult) -> str:
    """Say in one sentence what the judged variant does to CPU, with the null arm beside it."""
    said = (
        f"CPU per {study.system.unit} of {study.system.judge}: {_cpu_change(result, study.system.judge)} in "
        f"{len(result.column('baseline', 'block'))} blocks; the baseline against itself: {_cpu_change(result, NULL)}."
    )
    stop = f" Measuring {result.stop.sentence}." if result.stop else ""
    own = arm_checks(study, result, study.system.judge, study.system.judge)
    refused = failed_null((*result.null_checks, *own))
    return said + stop + (f" No verdict: {refused}." if refused else "")


def _cpu_change(result: BlockResult, arm: str) -> str:
    try:
        return percent_change(result.compare(arm, "cpu_ms_per_unit", CPU_MARGIN))
    except StatisticError as error:
        return f"cannot be computed, because {str(error).rstrip('.')}"


def screen(study: Study, sizes: Effort) -> Screening | None:
    """Screen every flag by CPU per unit; None for a system without flags."""
    if not study.system.flag:
        return None
    return screen_flags(
        study,
        ScreenPlan(
            sizes.screen_users,
            sizes.screen_windows,
            sizes.screen_window_s,
            CPU_MARGIN,
            sizes.screen_every_value,
            sizes.screen_together,
        ),
    )


def confirmed_trials(study: Study, confirmation: Confirmation | None) -> list[Trial]:
    """Return the trials of a confirmation."""
    return [read_trial(study, name) for name in confirmation.blocks.trials] if confirmation else []


def screened_trials(study: Study, screening: Screening | None) -> list[Trial]:
    """Return the trials of a screening."""
    return [read_trial(study, name) for name in screening.trials] if screening else []


def run_matrices(study: Study) -> list[MatrixResult]:
    """Run the matrix on the judged variant and the baseline, then the first scenario under each further condition."""
    judged = study.system.judge
    results = [run_matrix(study, judged, {})]
    shown = _shown(study.system.scenario) if study.quick else study.system.scenario
    results += [run_matrix(study, v, {}, scenarios=shown) for v in ("baseline", "optimised") if v != judged]
    for condition in study.system.condition:
        for value in condition.judged:
            if value != condition.default:
                scenarios = None if not study.quick else [study.system.scenario[0]]
                results.append(run_matrix(study, judged, {condition.name: value}, scenarios=scenarios))
    return results


def _shown(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Return what is enough at quick for a variant on which no target is judged: short, and no spike."""
    steady = [s for s in scenarios if s.shape == "steady"]
    most = (SHOWN_FIRST_S, *(SHOWN_S for _ in steady))
    return [s.model_copy(update={"quick_s": min(s.quick_s, limit)}) for s, limit in zip(steady, most, strict=False)]


def matrix_table(results: Sequence[MatrixResult]) -> pd.DataFrame:
    """Return all scenarios of all variants as one table."""
    import pandas as pd

    parts = []
    for result in results:
        part = tables.level_table(result.levels.values())
        part.insert(0, "variant", result.variant)
        part.insert(1, "condition", ",".join(result.conditions.values()) or "default")
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def judge_targets(study: Study, results: Sequence[MatrixResult]) -> list[Judged]:
    """Judge every target of the system's domain that has a measure, for the judged variant, under each condition."""
    from perflab.findings.catalogue import load_targets

    if not study.system.targets:
        return []
    targets = [t for t in load_targets(study.system.resolve(study.system.targets)) if t.domain == study.system.domain]
    return [item for r in results if r.variant == study.system.judge for item in _judge_condition(study, r, targets)]


def _judge_condition(study: Study, result: MatrixResult, targets: Sequence[Target]) -> list[Judged]:
    """Judge the targets by one matrix; latencies before levels, which are held only where those asked of them are."""
    measures = {m.metric: m for m in study.system.measure}
    trial = read_trial(study, result.trial)
    trust = trust_of([trial])
    made: dict[str, Judged] = {}
    asked = [(target, measures[target.metric]) for target in targets if target.metric in measures]
    for target, measure in sorted(asked, key=lambda item: item[1].kind == "sustained_users"):
        scenario = study.system.target_scenario.get(target.id) or measure.scenario or "normal"
        if scenario not in result.levels:
            continue
        reading = read_measure(study, measure, trial, scenario, target.verdict_aggregate)
        checks = (*trust, *answered(measure, trial, scenario))
        if measure.kind == "sustained_users":
            there = [j for j in made.values() if j.scenario == scenario and measures[j.target.metric].kind == "latency"]
            reading, more = as_held(reading, there)
            checks += more
        item = _judge(study, target, reading, checks, scenario, result)
        if measure.kind == "latency" and item.judgement.verdict in ("misses", "inconclusive"):
            item = _with_reason(item, own_part(study, measure, trial, scenario))
        made[target.id] = item
    return [made[target.id] for target in targets if target.id in made]


def _judge(
    study: Study, target: Target, reading: Reading, trust: tuple[TrustCheck, ...], scenario: str, result: MatrixResult
) -> Judged:
    """Judge one target by its reading, and tell beside it what the reading has to say."""
    from perflab.findings.judge import judge_target

    said = judge_target(
        target,
        reading.interval,
        unit=reading.unit,
        level=study.level,
        trust=trust,
        domain=study.system.domain,
        reason=reading.reason,
        next_step=reading.next_step,
    )
    condition = ",".join(f"{k}={v}" for k, v in study.system.conditions(**result.conditions).items())
    item = Judged(target, reading, said, scenario, condition, result.trial, trust)
    return _with_reason(item, reading.reason) if said.interval else item


def _with_reason(item: Judged, more: str) -> Judged:
    if not more:
        return item
    return replace(item, judgement=replace(item.judgement, reason=f"{item.judgement.reason} ({more})"))


def as_held(reading: Reading, latencies: Sequence[Judged]) -> tuple[Reading, tuple[TrustCheck, ...]]:
    """Return the reading of a level no better than the latencies judged at it, and the checks that they failed.

    Users who are served too slowly are not sustained: a level whose latency misses is not held, one whose latency is
    open or untrusted is not surely held.
    """
    by_verdict = {item.judgement.verdict: item for item in latencies}
    own = reading.interval
    if own is None or own.high == 0:
        return reading, ()
    if worst := by_verdict.get("misses"):
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
    """Return the judged targets as a short table."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "target": j.target.id,
                "asked": j.target.text,
                "scenario": j.scenario,
                "condition": j.condition,
                "seen": j.judgement.reason,
                "n": f"{j.reading.n} {j.reading.n_unit}",
                "verdict": j.judgement.printed,
            }
            for j in judged
        ]
    )


def spike_figure(study: Study, results: Sequence[MatrixResult]) -> dict[str, Any]:
    """Return the matrix of the judged variant second by second, its users, and the moment of recovery."""
    trial = read_trial(study, results[0].trial)
    series = tables.seconds_series(study, trial, results[0].variant)
    recovery = results[0].recovery
    end = next((s.start_s for s in trial.spec.segments if s.scenario.startswith("after ")), None)
    back = None if recovery is None or recovery.recovered_s is None or end is None else end + recovery.recovered_s
    return {"series": series, "users": tables.users_over_time(trial), "recovered_s": back}
