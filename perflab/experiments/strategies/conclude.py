"""What a laboratory concludes of its strategies: every figure of every arm, beside its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.errors import StatisticError
from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding, percent_change, vetoed
from perflab.experiments.null_arm import NULL, voided
from perflab.experiments.strategies.experiment import BASE, FigureSpec
from perflab.experiments.strategies.run import ExperimentResult
from perflab.experiments.study import Study
from perflab.findings import trust
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.stats.compare import Comparison, compare_differences, compare_paired
from perflab.stats.selection import Confirmed, Screened, confirm_family, screen_family
from perflab.system.variant import equivalence

SAME = "the same in every block"
DIRECTION = {"better": "less", "worse": "more"}
SHARED_START = "one process for each arm, started once: find what to confirm, not what to publish"


@dataclass(frozen=True)
class ArmJudged:
    """One figure of one arm; `judged` is None where it cannot be computed, and `problem` says why."""

    result: ExperimentResult
    arm: str
    figure: FigureSpec
    judged: Screened | Confirmed | None
    problem: str = ""

    @property
    def word(self) -> str:
        """The verdict as printed: what a screening saw is not confirmed."""
        if self.judged is None:
            return "unchanged" if self.problem == SAME else "cannot be computed"
        verdict = self.judged.comparison.verdict
        return verdict if self.result.sizes.fresh or verdict == "untrusted" else f"{verdict}, not confirmed"

    @property
    def shown(self) -> str:
        """The change with its interval."""
        return change_text(self.figure, self.judged.comparison) if self.judged else self.problem


def judge_arms(results: Sequence[ExperimentResult]) -> tuple[ArmJudged, ...]:
    """Compare every arm with its base, figure by figure; all arms of the notebook are one family in each figure.

    Fresh processes are judged by Holm (5 % for even one false difference), a screening by Benjamini-Hochberg (10 % of
    what passes), as everywhere: with 8 blocks Holm over a dozen arms could never point anywhere.
    The hypotheses are those that the experiments' files state: none was chosen by looking at these blocks.
    A null arm that fails in any figure voids all verdicts of its experiment.
    """
    compared: dict[str, dict[str, Comparison]] = {}
    problems: dict[tuple[str, str], str] = {}
    for result in results:
        for figure in result.experiment.all_figures:
            for arm in result.experiment.arms:
                key = f"{result.experiment.key}/{arm}"
                try:
                    compared.setdefault(figure.column, {})[key] = _compare(result, arm, figure)
                except StatisticError as error:
                    same = all_equal(result.column(BASE, figure.column), result.column(arm, figure.column))
                    problems[key, figure.column] = SAME if same else str(error).rstrip(".")
    fresh = all(result.sizes.fresh for result in results)
    judged = {column: {c.name: c for c in _family(family, fresh)} for column, family in compared.items() if family}
    return tuple(
        ArmJudged(
            result,
            arm,
            figure,
            judged.get(figure.column, {}).get(f"{result.experiment.key}/{arm}"),
            problems.get((f"{result.experiment.key}/{arm}", figure.column), ""),
        )
        for result in results
        for arm in result.experiment.arms
        for figure in result.experiment.all_figures
    )


def all_equal(base: Any, own: Any) -> bool:
    """Say whether two arms show one figure alike in every block: answers of the same size, say."""
    return bool(base.shape == own.shape and base.size and (base == own).all())


def _family(compared: Mapping[str, Comparison], fresh: bool) -> tuple[Screened | Confirmed, ...]:
    """Correct one figure's comparisons for their number."""
    return confirm_family(compared) if fresh else screen_family(compared, lower_is_better=True)


def _compare(result: ExperimentResult, arm: str, figure: FigureSpec) -> Comparison:
    base, own, null = (result.column(name, figure.column) for name in (BASE, arm, NULL))
    if figure.in_units:
        found = compare_differences(
            base, own, lower_is_better=figure.lower_is_better, margin=figure.margin, unit=figure.unit, null_arm=null
        )
    else:
        found = compare_paired(base, own, lower_is_better=figure.lower_is_better, margin=figure.margin, null_arm=null)
    return voided(found, result.failed_null)


def change_text(figure: FigureSpec, comparison: Comparison) -> str:
    """Return a comparison in words: ``-31 % [-35, -28]``, or ``+12.3 ms [+9.1, +15.4]``."""
    if comparison.scale == "ratio":
        return percent_change(comparison)
    low, value, high = comparison.low, comparison.effect, comparison.high
    return f"{value:+.3g} {figure.unit} [{low:+.3g}, {high:+.3g}]".replace("  ", " ")


def findings(study: Study, judged: Sequence[ArmJudged], figure: Evidence | None = None) -> list[Finding]:
    """Return one finding for each figure of each arm; at quick they are a screening and publish no effect."""
    found = []
    for item in judged:
        if item.judged is None:
            continue
        found.append(_confirmed(study, item, figure) if item.result.sizes.fresh else _screened(study, item, figure))
    return found


def _confirmed(study: Study, item: ArmJudged, figure: Evidence | None) -> Finding:
    assert item.judged is not None
    said, checks = item.judged.comparison, trust_of(study, item)
    unit = "ratio" if said.scale == "ratio" else item.figure.unit
    return finding(
        study,
        **_common(item, figure),
        stage="confirmed",
        verdict="untrusted" if vetoed(checks) else said.verdict,
        claim=f"{item.arm} changes {item.figure.name} by {item.shown} in {said.n} blocks of fresh processes "
        f"({item.result.experiment.condition}).",
        effect=effect_of_comparison(item.figure.name, said, unit),
        trust=checks,
        caveats=_caveats(said),
        next_step=f"About {said.pairs_needed} pairs would settle it" if said.verdict == "inconclusive" else "",
        details=_details(item) | {"adjusted_p": item.judged.adjusted_p, "pairs": said.n},
    )


def _screened(study: Study, item: ArmJudged, figure: Evidence | None) -> Finding:
    assert item.judged is not None
    said, checks = item.judged.comparison, trust_of(study, item)
    direction = "" if vetoed(checks) else DIRECTION.get(said.verdict, "")
    return finding(
        study,
        **_common(item, figure),
        stage="screened",
        verdict="untrusted" if vetoed(checks) else "reported",
        claim=f"Screened, not confirmed: {item.arm} and {item.figure.name}, {item.shown} in {said.n} blocks "
        f"({item.result.experiment.condition}).",
        trust=checks,
        caveats=(SHARED_START, *_caveats(said)),
        next_step="Confirm in fresh processes: --effort full",
        details=_details(item) | {"direction": direction, "adjusted_p": item.judged.adjusted_p},
    )


def _common(item: ArmJudged, figure: Evidence | None) -> dict[str, Any]:
    experiment = item.result.experiment
    return {
        "ordinal": f"{experiment.key}.{item.arm.replace('=', '-').replace('+', '-')}.{item.figure.column}",
        "question": f"What does {item.arm} do to {item.figure.name}?",
        "kind": "comparison",
        "strategy": experiment.strategy_of(item.arm),
        "variant": experiment.variant_of(item.arm),
        "condition": experiment.condition,
        "evidence": evidence(figure),
    }


def _details(item: ArmJudged) -> dict[str, Any]:
    experiment = item.result.experiment
    own = item.result.column(item.arm, item.figure.column)
    base = item.result.column(BASE, item.figure.column)
    return {
        "flag": item.arm,
        "price": experiment.price,
        "turns": experiment.turns,
        "base": f"{_middle(base):.4g} {item.figure.unit}".strip(),
        "with it": f"{_middle(own):.4g} {item.figure.unit}".strip(),
    }


def trust_of(study: Study, item: ArmJudged) -> tuple[TrustCheck, ...]:
    """Return the checks on one arm: null arm, equal answers, failures, generator, waiting for the core, steal."""
    result, names = item.result, (BASE, NULL, item.arm)
    rows = [row for row in result.rows if row["arm"] in names]
    late, waited, steal = (_worst(rows, name) for name in ("late_p99_ms", "run_delay", "steal"))
    checks = [
        *result.null_checks,
        _answers(study, item),
        trust.generator_late(late, sum(int(row["requests"]) for row in rows), "requests"),
        trust.cpu_wait(waited),
        trust.undisturbed(steal, 0.0, None),
    ]
    if not result.experiment.fewer_failures:
        checks.append(trust.failing_alike(result.counts(BASE), result.counts(item.arm)))
    return tuple(checks)


def _worst(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """Return the median over blocks of the arm that fared worst: one late block of a dozen is not the measurement."""
    import numpy as np

    arms = {row["arm"] for row in rows}
    return float(np.max([np.median([float(row[name]) for row in rows if row["arm"] == arm]) for arm in arms]))


def _answers(study: Study, item: ArmJudged) -> TrustCheck:
    """Return the check that an arm of class exact gave the base's answers, where its work compares them."""
    equal, compared = item.result.equal_answers(item.arm)
    flags = study.variant(item.result.experiment.variant_of(item.arm)).flags
    exact = equivalence(study.system, flags) == "exact"
    passed = not exact or equal == compared
    return TrustCheck(
        name="equal answers", passed=passed, limit="all blocks, for flags of class exact",
        observed=f"{equal} of {compared} blocks answered as the base did" if compared else "not compared by this work",
        next_step="" if passed else f"Find what {item.arm} changes",
    )  # fmt: skip


def _caveats(said: Comparison) -> tuple[str, ...]:
    return (said.caveat,) if said.caveat else ()


def table_rows(judged: Sequence[ArmJudged]) -> list[dict[str, Any]]:
    """Return one row for each arm: what it was measured under, each figure's change, and what it costs."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for item in judged:
        experiment = item.result.experiment
        row = rows.setdefault(
            (experiment.key, item.arm),
            {"strategy": experiment.strategy_of(item.arm), "setting": item.arm, "work": experiment.condition},
        )
        row[item.figure.name] = f"{item.shown} {item.word}"
    for (key, _), row in rows.items():
        experiment = next(i.result.experiment for i in judged if i.result.experiment.key == key)
        row |= {"price": experiment.price, "turns around": experiment.turns}
    return list(rows.values())


def forest_rows(judged: Sequence[ArmJudged], column: str = "cpu_ms_per_request") -> list[dict[str, Any]]:
    """Return one ratio for each arm of a figure, for the forest plot; at quick no verdict is drawn."""
    rows = []
    for item in judged:
        if item.figure.column != column or item.judged is None or item.judged.comparison.scale != "ratio":
            continue
        said = item.judged.comparison
        word = said.verdict if item.result.sizes.fresh else "not confirmed"
        label = item.arm if len(item.result.experiment.arms) > 1 else f"{item.arm} ({item.result.experiment.title})"
        rows.append({"label": label, "value": said.effect, "low": said.low, "high": said.high, "verdict": word})
    return rows


def sentence(judged: Sequence[ArmJudged], key: str) -> str:
    """Return what an experiment showed in one sentence for each arm, its medians beside the changes."""
    told = []
    for arm in dict.fromkeys(item.arm for item in judged if item.result.experiment.key == key):
        mine = [item for item in judged if item.result.experiment.key == key and item.arm == arm]
        changes = "; ".join(f"{item.figure.name} {item.shown} ({item.word})" for item in mine)
        told.append(f"{arm}: {changes}.")
    failed = next((i.result.failed_null for i in judged if i.result.experiment.key == key), "")
    return " ".join(told) + (f" No verdict: {failed}." if failed else "")


def _middle(values: Any) -> float:
    import numpy as np

    return float(np.median(values))
