"""Baseline against the judged variant: blocks, flags and matrix; what 30_prototype calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perflab.errors import LoadFailure, RunCorrupt, StatisticError, SystemFailure
from perflab.experiments import tables
from perflab.experiments.block_work import BLOCK_OPTIONS, block_work
from perflab.experiments.blocks import BlockPlan, BlockResult, run_blocks
from perflab.experiments.conclude.parts import arm_checks, percent_change
from perflab.experiments.confirm import FRESH_WORK, Confirmation, confirmed_figures
from perflab.experiments.effort import Effort
from perflab.experiments.matrix import MatrixResult, run_matrix
from perflab.experiments.null_arm import CPU_MARGIN, FIGURES, NULL, ONE_START_MARGIN, failed_null
from perflab.experiments.screen import Screening, ScreenPlan, arms_of, screen_flags
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, read_trial
from perflab.stats.stopping import StopRule
from perflab.system.variant import BASELINE, every_value_pairs, same_program, single_flag_pairs

if TYPE_CHECKING:
    import pandas as pd

    from perflab.system.tables.load import Scenario

# Of the first and of the other scenarios at quick for a variant on which no target is judged. What one core carries is
# read from the first: 50 users finish 100 turns in it, fewer have no p95 with an interval.
SHOWN_FIRST_S, SHOWN_S = 13.0, 10.0


def nothing_to_compare(study: Study) -> str:
    """Return why the judged variant cannot be compared with the baseline; empty where it can."""
    judged = study.system.judge
    if not study.system.flag:
        return "the system has no flags, so that there is one variant of it"
    if judged == BASELINE:
        return "the judged variant is the baseline"
    return f"{judged} sets every flag as the baseline does" if same_program(study.system, BASELINE, judged) else ""


def compare_variants(study: Study, sizes: Effort) -> BlockResult | None:
    """Run the blocks {baseline, null arm, judged variant}: eight at quick, as many as the interval asks for at full.

    None where there is `nothing_to_compare`: blocks of one program against itself would be measured for nothing.
    """
    if nothing_to_compare(study):
        return None
    arms = {BASELINE: BASELINE, NULL: BASELINE, study.system.judge: study.system.judge}
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
        return "No flag has another value to screen." if study.system.flag else "This system has no flags."
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
    work = block_work(study, sizes)
    return BlockPlan(
        sizes.blocks, sizes.block_users, work.units, BLOCK_OPTIONS, limit_s=work.limit_s, stop=stop, cap_s=cap_s
    )


def block_trials(study: Study, result: BlockResult) -> list[Trial]:
    """Return the trials of a comparison."""
    return [read_trial(study, name) for name in result.trials]


def response_rows(study: Study, result: BlockResult) -> list[dict[str, Any]]:
    """Return the response times of baseline and judged variant."""
    judged = study.system.judge
    return tables.response_rows(study, block_trials(study, result), {"baseline": "baseline", judged: judged})


def comparison_sentence(study: Study, result: BlockResult | None) -> str:
    """Say in one sentence what the judged variant does to CPU, with the null arm beside it."""
    if result is None:
        return f"Nothing is compared: {nothing_to_compare(study)}."
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
    """Screen every flag by CPU per unit; None for a system whose flags leave nothing to screen."""
    pairs = every_value_pairs if sizes.screen_every_value else single_flag_pairs
    if not pairs(study.system):
        return None
    return screen_flags(
        study,
        ScreenPlan(
            sizes.screen_users,
            sizes.screen_windows,
            sizes.screen_window_s,
            ONE_START_MARGIN,
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


def run_matrices(study: Study) -> tuple[list[MatrixResult], dict[str, str]]:
    """Run the matrix on the judged variant, its first scenario under each further condition, then what is only shown.

    Returns the results, the judged variant's first, and of each shown variant that broke off why: a baseline that dies
    under stress must not cost the verdicts on another variant. What breaks off on the judged one is raised.
    """
    judged = study.system.judge
    results = [run_matrix(study, judged, {})]
    under: list[MatrixResult] = []
    for condition in study.system.condition:
        for value in condition.judged:
            if value != condition.default:
                scenarios = None if not study.quick else [study.system.scenario[0]]
                under.append(run_matrix(study, judged, {condition.name: value}, scenarios=scenarios))
    shown = _shown(study.system.scenario) if study.quick else study.system.scenario
    broken: dict[str, str] = {}
    for other in (BASELINE, "optimised"):
        if not same_program(study.system, other, judged):
            try:
                results.append(run_matrix(study, other, {}, scenarios=shown))
            except (SystemFailure, LoadFailure, RunCorrupt, StatisticError) as error:
                broken[other] = str(error)
    return [*results, *under], broken


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


def spike_figure(study: Study, results: Sequence[MatrixResult]) -> dict[str, Any]:
    """Return the matrix of the judged variant second by second, its users, and the moment of recovery."""
    trial = read_trial(study, results[0].trial)
    series = tables.seconds_series(study, trial, results[0].variant)
    recovery = results[0].recovery
    end = next((s.start_s for s in trial.spec.segments if s.scenario.startswith("after ")), None)
    back = None if recovery is None or recovery.recovered_s is None or end is None else end + recovery.recovered_s
    return {"series": series, "users": tables.users_over_time(trial), "recovered_s": back}
