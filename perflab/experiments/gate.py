"""The gate: a suspect and the last good, interleaved, with a null arm. It decides; the history only proposed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from perflab.errors import EXIT_OK, EXIT_TARGET_MISSED, EXIT_UNTRUSTED, StatisticError, UsageError
from perflab.experiments.blocks import BlockPlan, BlockResult, run_blocks
from perflab.experiments.conclude.parts import trust_of
from perflab.experiments.null_arm import FIGURES, NULL, Judged, failed_null, null_checks
from perflab.experiments.study import Study
from perflab.experiments.trial import read_trial
from perflab.findings.finding import TrustCheck
from perflab.runs import write_atomic
from perflab.stats.compare import Comparison, Verdict
from perflab.stats.multiple import holm
from perflab.stats.proportion import more_often
from perflab.stats.stopping import StopRule
from perflab.strict_json import json_text, without_nan
from perflab.system.spec import System
from perflab.system.variant import equivalence, variant
from perflab.units import change_text, number_text

SUSPECT = "suspect"
LEVEL = 0.05  # of all judged figures together
FAILURES_LEVEL = 0.01  # of the exact test on failed units
USUAL = ("cpu_ms_per_unit", "p50_ms", "memory_mb")  # what is judged when nobody names a figure
RESPONSE = ("p50_ms", "p95_ms", "added_p50_ms")
# A late or saturated generator falsifies response times; CPU time and memory are charged to the process itself.
ONLY_RESPONSE = ("load generator on time", "load generator not saturated", "system on cores of its own")
FIRST, MOST, CAP_S = 10, 40, 900.0  # blocks and seconds of a gate whose number of blocks nobody gave
NARROW = 2 / 3  # of the margin on either side: equal arms are then shown to be equal in 8 of 10 gates
Outcome = Literal["no regression", "undecided", "regression", "refused"]
EXIT: dict[Outcome, int] = {
    "no regression": EXIT_OK, "undecided": EXIT_OK, "regression": EXIT_TARGET_MISSED, "refused": EXIT_UNTRUSTED,
}  # fmt: skip


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

    @property
    def not_excluded(self) -> bool:
        """Whether this figure decides, is not confirmed, and yet may be worse by its margin or more.

        Null hypothesis: it is worse by the margin; rejected at 5 % when the 90 % interval ends below the margin.
        """
        c = self.comparison
        if not self.decides or self.confirmed or c is None or c.verdict == "untrusted":
            return False
        return c.tost_high >= (1 + c.margin if c.scale == "ratio" else c.margin)


@dataclass(frozen=True)
class GateResult:
    """What the gate found, and why it refused where it did; `fails_more` says so where the suspect does.

    "undecided": nothing is confirmed, and in the figures `not_excluded` a regression of the margin is not excluded
    either; about `blocks_needed` blocks would show it. `stopped`: why there are as many blocks as there are.
    """

    outcome: Outcome
    figures: tuple[Figure, ...]
    blocks: int
    refusal: str
    warnings: tuple[str, ...]
    fails_more: str = ""
    not_excluded: tuple[str, ...] = ()
    blocks_needed: int = 0
    stopped: str = ""

    @property
    def exit_code(self) -> int:
        """0 no regression or undecided, 1 regression confirmed, 3 refused."""
        return EXIT[self.outcome]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON: what is not finite is None, and what is only shown carries no verdict."""
        body = {**asdict(self), "exit_code": self.exit_code}
        for figure in body["figures"]:
            if figure["comparison"] and not figure["decides"]:
                figure["comparison"] |= {"verdict": None, "explanation": ""}
        return dict(without_nan(body))


def gate_plan(study: Study, sizes: dict[str, float], judged: Sequence[str] = USUAL) -> BlockPlan:
    """Return the plan of a gate: the study's sizes where `sizes` (users, blocks, units, limit_s, cap_s) says nothing.

    Without `units` those of a paired block, for which the pace of short units is measured first.

    Without `blocks` they go on, from FIRST to MOST, until every judged ratio's interval is narrow against its margin,
    or `cap_s` seconds have gone by: on precision, never on what the interval says.
    """
    from perflab.experiments.block_work import BLOCK_OPTIONS, BlockWork, block_work

    given = int(sizes.get("units", 0))
    probe_s = study.system.load.probe_seconds
    work = BlockWork(given, 10.0 + 2.0 * given * probe_s) if given else block_work(study, study.sizes)
    units, limit_s = work.units, sizes.get("limit_s", work.limit_s)
    users = int(sizes.get("users", study.sizes.block_users))
    watch = tuple(f.column for f in FIGURES if f.column in judged and not f.unit)
    if "blocks" in sizes or not watch:
        return BlockPlan(int(sizes.get("blocks", FIRST)), users, units, BLOCK_OPTIONS, limit_s)
    margin = sizes.get("margin") or min(f.margin for f in FIGURES if f.column in watch)
    stop = StopRule(NARROW * math.log1p(margin), first=FIRST, most=MOST, family=len(FIGURES))  # the null arm's
    return BlockPlan(FIRST, users, units, BLOCK_OPTIONS, limit_s, stop, sizes.get("cap_s", CAP_S), watch)


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
    Holm's correction over all judged figures at 5 %; or when more units of the suspect fail (`conclude`). A null arm
    that fails in any figure refuses everything, and so do unequal answers where both variants are of class exact.
    """
    arms = {"baseline": variants[0], NULL: variants[0], SUSPECT: variants[1]}
    result = run_blocks(study, arms, plan, "gate", systems={"baseline": good, NULL: good})
    trust = trust_of([read_trial(study, name) for name in result.trials], side_by_side=True, paired=True)
    classes = {
        equivalence(of, variant(of, name).flags) for of, name in zip((good, study.system), variants, strict=True)
    }
    found = conclude(result, trust, judged, margin, exact=classes == {"exact"})
    write_atomic(study.run.path / "gate.json", json_text(found.as_dict(), indent=1))
    return found


def conclude(
    result: BlockResult, trust: Sequence[TrustCheck], judged: Sequence[str], margin: float | None, *, exact: bool = True
) -> GateResult:
    """Return the gate's result from its blocks; pure, so that it can be tested on planted blocks.

    The null arm is held to the smaller of the user's margin and the usual one, and what it gets wrong voids every
    figure. Failed units decide by themselves: the suspect fails more often when Fisher's exact one-sided test against
    the last good gives at most 1 %. Weakness: units of one outage do not fail independently, and the test takes them
    as if they did. `exact`: whether the two must give equal answers; where they must and do not, nothing is judged.
    """
    failed = [check for check in trust if check.veto and not check.passed]
    null = _failed_null(result, margin)
    void = "; ".join(filter(None, (null, _unequal(result) if exact else "")))
    shown = [figure for figure in FIGURES if _has(result, figure, judged)]
    figures = _confirmed([_figure(result, figure, judged, failed, margin, void) for figure in shown])
    decides = [figure for figure in figures if figure.decides]
    refused = [f for f in decides if f.comparison is None or f.comparison.verdict == "untrusted"]
    reason = void or "; ".join(f"{f.name}: {_reason(f)}" for f in refused)
    fails_more = _fails_more(result)
    outcome: Outcome = "no regression"
    if not void and (fails_more or any(figure.confirmed for figure in decides)):
        outcome = "regression"
    elif void or refused:
        outcome = "refused"
    left = [f for f in decides if outcome == "no regression" and f.not_excluded]
    if left:
        outcome = "undecided"
    blocks = len({f.block for f in result.figures})
    said = (*_warnings(result, trust), *(f"{f.name} was not judged: {_reason(f)}" for f in refused if not void))
    return GateResult(
        outcome, tuple(figures), blocks, reason if outcome == "refused" else "", said, fails_more,
        tuple(f"{f.name} {f.moved}" for f in left), max((_blocks_needed(f, blocks) for f in left), default=0),
        result.stop.sentence if result.stop else "",
    )  # fmt: skip


def _blocks_needed(figure: Figure, blocks: int) -> int:
    """Return about how many blocks would show a change of the margin, more than there were."""
    return max(figure.comparison.pairs_needed if figure.comparison else 0, blocks + 1)


def _failed_null(result: BlockResult, margin: float | None) -> str:
    """Say what the identical arms got wrong in any figure at the gate's margins; "" when they measured alike.

    By the rule of every block set, correction for the number of figures included: without it one sound gate in ten
    would refuse.
    """
    strict = [f if margin is None or f.unit else replace(f, margin=min(margin, f.margin)) for f in FIGURES]
    return failed_null(null_checks(result.column, figures=strict)) if result.has_null else ""


def _unequal(result: BlockResult) -> str:
    """Say that answers changed which must not; "" when all that were compared are equal."""
    equal, compared = result.equivalence.get(SUSPECT, (0, 0))
    return "" if equal == compared else f"the answers changed: {equal} of {compared} equal the last good's"


def _failed_units(result: BlockResult, arm: str) -> tuple[int, int]:
    rows = [f for f in result.figures if f.arm == arm]
    return sum(f.failed for f in rows), sum(f.units for f in rows)


def _fails_more(result: BlockResult) -> str:
    """Say that more units of the suspect fail than chance explains; "" when they do not."""
    good, suspect = _failed_units(result, "baseline"), _failed_units(result, SUSPECT)
    p = more_often(*good, *suspect)
    if p > FAILURES_LEVEL:
        return ""
    return (f"fails more often: {suspect[0]} of {suspect[1]} units failed against {good[0]} of {good[1]} "
            f"(exact test, p = {p:.2g})")  # fmt: skip


def _reason(figure: Figure) -> str:
    """Return why a figure has no verdict."""
    return figure.problem or (figure.comparison.caveat if figure.comparison else "")


def _has(result: BlockResult, figure: Judged, judged: Sequence[str]) -> bool:
    """Leave out a figure that this system does not have, such as its own share of a turn."""
    values = result.column(SUSPECT, figure.column)
    return bool((values == values).all()) or figure.column in judged


def _figure(
    result: BlockResult, figure: Judged, judged: Sequence[str], failed: Sequence[TrustCheck], margin: float | None,
    void: str,
) -> Figure:  # fmt: skip
    import numpy as np

    limit = figure.margin if margin is None or figure.unit else margin
    before, after = (float(np.median(result.column(arm, figure.column))) for arm in ("baseline", SUSPECT))
    against = [c for c in failed if figure.column in RESPONSE or c.name not in ONLY_RESPONSE]
    comparison, problem = None, "; ".join(f"{check.name}: {check.observed}" for check in against)
    try:
        compared = result.compare_ms if figure.unit else result.compare
        comparison = compared(SUSPECT, figure.column, limit)
    except StatisticError as error:
        problem = f"cannot be computed, because {str(error).rstrip('.')}"
    if comparison is not None and problem:
        comparison = _without_verdict(comparison, "untrusted", problem)
    if comparison is not None and void and comparison.verdict != "untrusted":
        comparison = _without_verdict(comparison, "untrusted", void)
    unit = "MB" if figure.column == "memory_mb" else "ms"
    return Figure(figure.column, figure.name, unit, figure.column in judged, before, after, comparison, None, False,
                  problem)  # fmt: skip


def _confirmed(figures: list[Figure]) -> list[Figure]:
    """Mark the judged figures that are worse beyond their margin and stand Holm's correction over ALL judged ones.

    One that cannot be computed or trusted counts as p = 1. What the correction rejects keeps no better or worse.
    """
    decides = [f for f in figures if f.decides]
    if not decides:
        return figures
    adjusted = dict(zip((f.column for f in decides), holm([_p(f) for f in decides]).p, strict=True))
    return [_marked(f, adjusted[f.column]) if f.decides and f.comparison else f for f in figures]


def _p(figure: Figure) -> float:
    c = figure.comparison
    return 1.0 if c is None or c.verdict == "untrusted" else c.p_value


def _marked(figure: Figure, p: float) -> Figure:
    c = figure.comparison
    assert c is not None
    confirmed = p <= LEVEL and _worse(figure)
    if c.verdict in ("better", "worse") and p > LEVEL:
        c = _without_verdict(
            c, "inconclusive", f"not passed by the correction for several figures (adjusted p = {p:.2g})"
        )
    elif c.verdict == "worse" and not confirmed:
        c = _without_verdict(c, "inconclusive", "the estimate lies inside the margin")
    return replace(figure, comparison=c, adjusted_p=p, confirmed=confirmed)


def _without_verdict(comparison: Comparison, verdict: Verdict, why: str) -> Comparison:
    """Return the comparison under a verdict that decides nothing, its sentence ending in the reason."""
    anew = comparison.judged_anew(verdict, why)
    measured, _, _ = anew.explanation.partition("): ")
    return replace(anew, explanation=f"{measured}): {verdict}, {why}.")


def _worse(figure: Figure) -> bool:
    c = figure.comparison
    if c is None or c.verdict != "worse":
        return False
    return c.effect >= (1 + c.margin if c.scale == "ratio" else c.margin)


def _warnings(result: BlockResult, trust: Sequence[TrustCheck]) -> tuple[str, ...]:
    told = [f"{check.name}: {check.observed} (limit: {check.limit})" for check in trust if not check.passed]
    told += [text for text in (_unequal(result),) if text]
    good, suspect = _failed_units(result, "baseline")[0], _failed_units(result, SUSPECT)[0]
    if good or suspect:
        told.append(f"failed units: {good} of the last good, {suspect} of the suspect")
    return tuple(told)


def figure_line(figure: Figure, unit_name: str) -> str:
    """Return a figure as one line of text; what was voided or is only shown carries no better or worse."""
    name = f"{figure.name} per {unit_name}" if figure.column == "cpu_ms_per_unit" else figure.name
    c = figure.comparison
    if c is None:
        return f"{name}: {figure.problem}"
    values = f"{number_text(figure.before)} to {number_text(figure.after)} {figure.unit}"
    return f"{name}: {values}, {figure.moved}, {c.n} pairs: {c.verdict if figure.decides else 'shown only'}"
