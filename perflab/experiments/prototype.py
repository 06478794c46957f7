"""Baseline against the judged variant: blocks, flags, matrix, targets; what 30_prototype calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from perflab.errors import StatisticError
from perflab.experiments import tables
from perflab.experiments.blocks import BlockPlan, BlockResult, run_blocks
from perflab.experiments.conclude.parts import percent_change, trust_of
from perflab.experiments.confirm import FRESH_WORK, Confirmation, confirmed_figures
from perflab.experiments.effort import Effort
from perflab.experiments.matrix import MatrixResult, run_matrix
from perflab.experiments.null_arm import CPU_MARGIN, NULL
from perflab.experiments.readings import Reading, read_measure
from perflab.experiments.screen import Screening, ScreenPlan, arms_of, screen_flags
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, read_trial
from perflab.stats.stopping import StopRule

if TYPE_CHECKING:
    import pandas as pd

    from perflab.findings.catalogue import Target
    from perflab.findings.judge import Judgement

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


def compare_variants(study: Study, sizes: Effort) -> BlockResult:
    """Run the blocks {baseline, null arm, judged variant}: eight at quick, as many as the interval asks for at full."""
    arms = {"baseline": "baseline", NULL: "baseline", study.system.judge: study.system.judge}
    return run_blocks(study, arms, block_plan(study, sizes, sizes.blocks_cap_s), "compare")


def confirm_flags(study: Study, sizes: Effort, screening: Screening | None) -> Confirmation | None:
    """Run fresh blocks {baseline, null arm, chosen flags}; None where nothing is confirmed at this effort."""
    chosen = screening.chosen(sizes.confirm_flags) if screening else ()
    if not chosen:
        return None
    plan = replace(block_plan(study, sizes, sizes.confirm_cap_s), work=FRESH_WORK)
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
    told += f" (not screened: {', '.join(screening.left_out)})" if screening.left_out else ""
    if confirmation is None:
        return f"{told}; none was confirmed in this run: every estimate here is screened, not confirmed."
    flags = {f.effect.arm for f in confirmation.figures}
    stop = confirmation.blocks.stop
    return f"{told}, {len(flags)} were confirmed on fresh blocks{f' ({stop.sentence})' if stop else ''}."


def block_plan(study: Study, sizes: Effort, cap_s: float) -> BlockPlan:
    """Return the plan of a set of blocks of this effort, which may take `cap_s` seconds where its number is open."""
    stop = StopRule(sizes.block_half_width, first=sizes.blocks) if sizes.block_half_width else None
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
    return said + stop + (f" No verdict: {result.failed_null}." if result.failed_null else "")


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
    # At quick the other variant is shown without the spike, which answers a question about the judged one.
    shown = [s for s in study.system.scenario if not study.quick or s.shape != "spike"]
    results += [run_matrix(study, v, {}, scenarios=shown) for v in ("baseline", "optimised") if v != judged]
    for condition in study.system.condition:
        for value in condition.judged:
            if value != condition.default:
                scenarios = None if not study.quick else [study.system.scenario[0]]
                results.append(run_matrix(study, judged, {condition.name: value}, scenarios=scenarios))
    return results


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
    from perflab.findings.judge import judge_target

    if not study.system.targets:
        return []
    targets = [t for t in load_targets(study.system.resolve(study.system.targets)) if t.domain == study.system.domain]
    measures = {m.metric: m for m in study.system.measure}
    found = []
    for result in (r for r in results if r.variant == study.system.judge):
        trial = read_trial(study, result.trial)
        trust = trust_of([trial])
        for target in targets:
            measure = measures.get(target.metric)
            scenario = study.system.target_scenario.get(target.id) or (measure.scenario if measure else "") or "normal"
            if measure is None or scenario not in result.levels:
                continue
            reading = read_measure(study, measure, trial, scenario, target.verdict_aggregate)
            judgement = judge_target(
                target,
                reading.interval,
                unit=reading.unit,
                level=study.level,
                trust=trust,
                domain=study.system.domain,
                reason=reading.reason,
            )
            condition = ",".join(f"{k}={v}" for k, v in study.system.conditions(**result.conditions).items())
            found.append(Judged(target, reading, judgement, scenario, condition, result.trial))
    return found


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
