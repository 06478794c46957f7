"""The gate: a suspect and the last good, interleaved, with a null arm. It decides; the history only proposed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from perflab.errors import EXIT_OK, EXIT_TARGET_MISSED, EXIT_UNTRUSTED, StatisticError, UsageError
from perflab.experiments.blocks import BlockPlan, BlockResult, run_blocks
from perflab.experiments.conclude.parts import trust_of
from perflab.experiments.null_arm import FIGURES, NULL, Judged
from perflab.experiments.study import Study
from perflab.experiments.trial import read_trial
from perflab.findings.finding import TrustCheck
from perflab.runs import write_atomic
from perflab.stats.compare import Comparison
from perflab.stats.multiple import holm
from perflab.system.spec import System
from perflab.units import change_text, number_text

SUSPECT = "suspect"
LEVEL = 0.05  # of all judged figures together
USUAL = ("cpu_ms_per_unit", "p50_ms", "memory_mb")  # what is judged when nobody names a figure
RESPONSE = ("p50_ms", "p95_ms", "added_p50_ms")
# A late or saturated generator falsifies response times; CPU time and memory are charged to the process itself.
ONLY_RESPONSE = ("load generator on time", "load generator not saturated", "system on cores of its own")
Outcome = Literal["no regression", "regression", "refused"]
EXIT: dict[Outcome, int] = {"no regression": EXIT_OK, "regression": EXIT_TARGET_MISSED, "refused": EXIT_UNTRUSTED}


@dataclass(frozen=True)
class Figure:
    """One figure of the gate: `decides` when the suspicion is about it; `problem` says why it has no comparison."""

    column: str
    name: str
    unit: str
    decides: bool
    before: float
    after: float
    comparison: Comparison | None
    adjusted_p: float | None
    confirmed: bool
    problem: str

    @property
    def moved(self) -> str:
        """Return the change with its interval, such as ``+12 % (+9.1 % to +15 %)``."""
        c = self.comparison
        if c is None:
            return self.problem
        if c.scale == "difference":
            return f"{c.effect:+.2f} ms ({c.low:+.2f} to {c.high:+.2f} ms)"
        return f"{change_text(c.effect)} ({change_text(c.low)} to {change_text(c.high)})"


@dataclass(frozen=True)
class GateResult:
    """What the gate found, and why it refused where it did."""

    outcome: Outcome
    figures: tuple[Figure, ...]
    blocks: int
    refusal: str
    warnings: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 no regression, 1 regression confirmed, 3 refused."""
        return EXIT[self.outcome]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return {**asdict(self), "exit_code": self.exit_code}


def gate_plan(study: Study, sizes: dict[str, float]) -> BlockPlan:
    """Return the plan of a gate: the study's block sizes where `sizes` (users, blocks, units, limit_s) says nothing."""
    from perflab.experiments.prototype import BLOCK_OPTIONS

    units = int(sizes.get("units", study.sizes.units_per_user))
    usual_s = 10.0 + 2.0 * units * study.system.load.probe_seconds
    return BlockPlan(int(sizes.get("blocks", 10)), int(sizes.get("users", study.sizes.block_users)), units,
                     BLOCK_OPTIONS, limit_s=sizes.get("limit_s", usual_s))  # fmt: skip


def check_blocks(blocks: int, judged: Sequence[str]) -> None:
    """Raise UsageError when so few blocks could confirm nothing among so many figures, whatever was measured."""
    needed = 6
    while len(judged) * 2.0 ** (1 - needed) > LEVEL:
        needed += 1
    if blocks < needed:
        raise UsageError(f"{blocks} blocks cannot confirm a change of {len(judged)} figures", f"at least {needed}",
                         "Give more with -- --blocks N, or name one figure with --metric")  # fmt: skip


def run_gate(
    study: Study, good: System, variants: tuple[str, str], plan: BlockPlan, judged: Sequence[str], margin: float | None
) -> GateResult:
    """Measure blocks {last good, last good again, suspect} and return what they show.

    `variants`: of the last good and of the suspect. `judged`: columns of the figures that decide. A regression is
    confirmed when a judged figure is worse, its estimate lies beyond its margin, and its signed-rank p-value passes
    Holm's correction over all judged figures at 5 %. A null arm that fails in any figure refuses everything.
    """
    arms = {"baseline": variants[0], NULL: variants[0], SUSPECT: variants[1]}
    result = run_blocks(study, arms, plan, "gate", systems={"baseline": good, NULL: good})
    trust = trust_of([read_trial(study, name) for name in result.trials], side_by_side=True)
    found = conclude(result, trust, judged, margin)
    write_atomic(study.run.path / "gate.json", json.dumps(found.as_dict(), indent=1))
    return found


def conclude(
    result: BlockResult, trust: Sequence[TrustCheck], judged: Sequence[str], margin: float | None
) -> GateResult:
    """Return the gate's result from its blocks; pure, so that it can be tested on planted blocks."""
    failed = [check for check in trust if check.veto and not check.passed]
    figures = [_figure(result, figure, judged, failed, margin) for figure in FIGURES if _has(result, figure, judged)]
    figures = _confirmed(figures)
    decides = [figure for figure in figures if figure.decides]
    refused = [f for f in decides if f.comparison is None or f.comparison.verdict == "untrusted"]
    reason = result.failed_null or "; ".join(f"{f.name}: {f.problem}" for f in refused)
    outcome: Outcome = "no regression"
    if any(figure.confirmed for figure in decides) and not result.failed_null:
        outcome = "regression"
    elif result.failed_null or refused:
        outcome = "refused"
    blocks = len({f.block for f in result.figures})
    return GateResult(outcome, tuple(figures), blocks, reason if outcome == "refused" else "", _warnings(result, trust))


def _has(result: BlockResult, figure: Judged, judged: Sequence[str]) -> bool:
    """Leave out a figure that this system does not have, such as its own share of a turn."""
    values = result.column(SUSPECT, figure.column)
    return bool((values == values).all()) or figure.column in judged


def _figure(
    result: BlockResult, figure: Judged, judged: Sequence[str], failed: Sequence[TrustCheck], margin: float | None
) -> Figure:
    import numpy as np

    limit = figure.margin if margin is None or figure.in_ms else margin
    before, after = (float(np.median(result.column(arm, figure.column))) for arm in ("baseline", SUSPECT))
    against = [c for c in failed if figure.column in RESPONSE or c.name not in ONLY_RESPONSE]
    comparison, problem = None, "; ".join(f"{check.name}: {check.observed}" for check in against)
    try:
        compared = result.compare_ms if figure.in_ms else result.compare
        comparison = compared(SUSPECT, figure.column, limit)
    except StatisticError as error:
        problem = f"cannot be computed, because {str(error).rstrip('.')}"
    if comparison is not None and problem:
        comparison = comparison.judged_anew("untrusted", problem)
    unit = "MB" if figure.column == "memory_mb" else "ms"
    return Figure(figure.column, figure.name, unit, figure.column in judged, before, after, comparison, None, False,
                  problem)  # fmt: skip


def _confirmed(figures: list[Figure]) -> list[Figure]:
    """Mark the judged figures that are worse beyond their margin and stand Holm's correction."""
    from dataclasses import replace

    tested = [f for f in figures if f.decides and f.comparison is not None]
    if not tested:
        return figures
    adjusted = dict(zip((f.column for f in tested), holm([_p(f) for f in tested]).p, strict=True))
    marked = []
    for figure in figures:
        p = adjusted.get(figure.column)
        marked.append(replace(figure, adjusted_p=p, confirmed=p is not None and p <= LEVEL and _worse(figure)))
    return marked


def _p(figure: Figure) -> float:
    assert figure.comparison is not None
    return figure.comparison.p_value


def _worse(figure: Figure) -> bool:
    c = figure.comparison
    if c is None or c.verdict != "worse":
        return False
    return c.effect >= (1 + c.margin if c.scale == "ratio" else c.margin)


def _warnings(result: BlockResult, trust: Sequence[TrustCheck]) -> tuple[str, ...]:
    told = [f"{check.name}: {check.observed} (limit: {check.limit})" for check in trust if not check.passed]
    equal, compared = result.equivalence.get(SUSPECT, (0, 0))
    if equal != compared:
        told.append(f"the answers changed: {equal} of {compared} equal the last good's")
    failed = {arm: sum(f.failed for f in result.figures if f.arm == arm) for arm in ("baseline", SUSPECT)}
    if any(failed.values()):
        told.append(f"failed units: {failed['baseline']} of the last good, {failed[SUSPECT]} of the suspect")
    return tuple(told)


def figure_line(figure: Figure, unit_name: str) -> str:
    """Return a figure as one line of text; what was voided carries no better or worse."""
    name = f"{figure.name} per {unit_name}" if figure.column == "cpu_ms_per_unit" else figure.name
    c = figure.comparison
    if c is None:
        return f"{name}: {figure.problem}"
    values = f"{number_text(figure.before)} to {number_text(figure.after)} {figure.unit}"
    verdict = c.verdict if figure.decides else f"{c.verdict}, shown only"
    return f"{name}: {values}, {figure.moved}, {c.n} pairs: {verdict}"
