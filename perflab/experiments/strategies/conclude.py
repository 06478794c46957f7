"""What a laboratory concludes of its strategies: every figure of every arm, beside its price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.errors import StatisticError
from perflab.experiments.conclude.parts import effect_of_comparison, evidence, finding, given_up, percent_change, vetoed
from perflab.experiments.null_arm import machine_null, voided
from perflab.experiments.strategies.checks import checks_of
from perflab.experiments.strategies.experiment import BASE, STANDARD, FigureSpec
from perflab.experiments.strategies.run import ExperimentResult
from perflab.experiments.strategies.tails import TAIL_REQUESTS
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.stats.compare import Comparison, compare_differences, compare_paired
from perflab.stats.selection import Confirmed, Screened, confirm_family, screen_family

SAME = "the same in every block"
CPU, TAIL = "cpu_ms_per_request", "p95_ms"
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
    A null arm that fails in any figure voids all verdicts of its experiment, and takes it out of the others' family.
    """
    compared: dict[str, dict[str, Comparison]] = {}
    voids: dict[str, dict[str, Comparison]] = {}  # a family of their own: their p-values must not carry the others
    problems: dict[tuple[str, str], str] = {}
    for result in results:
        into = voids if result.failed_null else compared
        for figure in result.experiment.all_figures:
            for arm in result.experiment.arms:
                key = f"{result.experiment.key}/{arm}"
                try:
                    into.setdefault(figure.column, {})[key] = _compare(result, arm, figure)
                except StatisticError as error:
                    problems[key, figure.column] = _problem(result, arm, figure, error)
    fresh = all(result.sizes.fresh for result in results)
    judged: dict[str, dict[str, Screened | Confirmed]] = {}
    for families in (compared, voids):
        for column, family in families.items():
            judged.setdefault(column, {}).update({c.name: c for c in _family(family, fresh)})
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


def _problem(result: ExperimentResult, arm: str, figure: FigureSpec, error: StatisticError) -> str:
    """Say why a figure cannot be compared."""
    import numpy as np

    base, own = result.column(BASE, figure.column), result.column(arm, figure.column)
    if all_equal(base, own):
        return SAME
    if np.isnan([*base, *own]).any():
        few = f"fewer than {TAIL_REQUESTS} answers: no tail" if figure.column == TAIL else "too few answers for it"
        return f"a block has {few}"
    if np.ptp(base) == 0 == np.ptp(own):  # a figure of the start, at quick
        return f"{own[0]:.4g} against {base[0]:.4g} {figure.unit} in every block, and no interval of a constant"
    if np.unique(own - base, return_counts=True)[1].max() * 2 > own.size:
        middle = f"{np.median(own):.4g} against {np.median(base):.4g} {figure.unit}".rstrip()
        return f"{middle}, the same step in most blocks: no interval of a constant"
    return str(error).rstrip(".")


def all_equal(base: Any, own: Any) -> bool:
    """Say whether two arms show one figure alike in every block: answers of the same size, say."""
    return bool(base.shape == own.shape and base.size and (base == own).all())


def _family(compared: Mapping[str, Comparison], fresh: bool) -> tuple[Screened | Confirmed, ...]:
    """Correct one figure's comparisons for their number."""
    return confirm_family(compared) if fresh else screen_family(compared, lower_is_better=True)


def _compare(result: ExperimentResult, arm: str, figure: FigureSpec) -> Comparison:
    base, own = (result.column(name, figure.column) for name in (BASE, arm))
    lower = figure.lower_is_better
    if figure.in_units:
        found = compare_differences(base, own, lower_is_better=lower, margin=figure.margin, unit=figure.unit)
    else:
        found = compare_paired(base, own, lower_is_better=lower, margin=figure.margin)
    return voided(found, result.failed_null)


def change_text(figure: FigureSpec, comparison: Comparison) -> str:
    """Return a comparison in words: ``-31 % [-35, -28]``, or ``+12.3 ms [+9.1, +15.4]``."""
    if comparison.scale == "ratio":
        return percent_change(comparison)
    low, value, high = comparison.low, comparison.effect, comparison.high
    return f"{value:+.3g} {figure.unit} [{low:+.3g}, {high:+.3g}]".replace("  ", " ")


def findings(
    study: Study, judged: Sequence[ArmJudged], figure: Evidence | None = None, tail: Evidence | None = None
) -> list[Finding]:
    """Return one finding for each figure of each arm; at quick they are a screening and publish no effect.

    `figure` shows the CPU and stands beside it, `tail` beside response p95; what neither shows has no picture.
    """
    found, machine = [], machine_null(study.run)
    for item in judged:
        if item.judged is None:
            continue
        checks = checks_of(study, item.result, item.arm, item.figure, machine)
        conclude = _confirmed if item.result.sizes.fresh else _screened
        found.append(conclude(study, item, item.judged, checks, {CPU: figure, TAIL: tail}.get(item.figure.column)))
    return found


def _confirmed(
    study: Study, item: ArmJudged, judged: Screened | Confirmed, checks: tuple[TrustCheck, ...],
    figure: Evidence | None,
) -> Finding:  # fmt: skip
    said = judged.comparison
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
        details=_details(study, item) | {"adjusted_p": judged.adjusted_p, "pairs": said.n},
    )


def _screened(
    study: Study, item: ArmJudged, judged: Screened | Confirmed, checks: tuple[TrustCheck, ...],
    figure: Evidence | None,
) -> Finding:  # fmt: skip
    said = judged.comparison
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
        details=_details(study, item) | {"direction": direction, "adjusted_p": judged.adjusted_p},
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


def _details(study: Study, item: ArmJudged) -> dict[str, Any]:
    experiment = item.result.experiment
    flags, changed = (study.variant(experiment.variant_of(arm)).flags for arm in (BASE, item.arm))
    own = item.result.column(item.arm, item.figure.column)
    base = item.result.column(BASE, item.figure.column)
    return {
        "flag": item.arm,
        "title": experiment.title,
        "figure": item.figure.name,
        **({"means": True} if item.figure.means else {}),
        **({} if item.figure in STANDARD else {"own figure": True}),
        "price": experiment.price,
        "turns": experiment.turns,
        "base": f"{_middle(base):.4g} {item.figure.unit}".strip(),
        "with it": f"{_middle(own):.4g} {item.figure.unit}".strip(),
        **given_up(study, flags, changed),
    }


def _caveats(said: Comparison) -> tuple[str, ...]:
    return (said.caveat,) if said.caveat else ()


def table_rows(judged: Sequence[ArmJudged]) -> list[dict[str, Any]]:
    """Return one row for each arm: CPU, tail and memory, and besides what its experiment alone looks at.

    Under which work, and at which price: `price_rows`.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    labels = _labels(judged)
    for item in judged:
        experiment = item.result.experiment
        key = experiment.key, item.arm
        row = rows.setdefault(key, {"strategy": experiment.strategy_of(item.arm), "setting": labels[key]})
        if item.figure in STANDARD:
            row[item.figure.name] = f"{item.shown} {item.word}"
        else:
            said = f"{item.figure.name} {item.shown} {item.word}"
            row["besides"] = f"{row['besides']}; {said}" if "besides" in row else said
    return list(rows.values())


def price_rows(judged: Sequence[ArmJudged]) -> list[dict[str, Any]]:
    """Return one row for each experiment: its settings, the work they were measured under, what they cost and when
    they turn around."""
    experiments = {item.result.experiment.key: item.result.experiment for item in judged}
    return [
        {"settings": ", ".join(one.arms), "work": one.condition, "price": one.price, "turns around": one.turns}
        for one in experiments.values()
    ]


def forest_rows(judged: Sequence[ArmJudged], column: str = CPU) -> list[dict[str, Any]]:
    """Return one ratio for each arm of a figure, for the forest plot; at quick no verdict is drawn."""
    rows = []
    shown = [item for item in judged if item.figure.column == column]
    labels = _labels(shown)
    for item in shown:
        if item.judged is None or item.judged.comparison.scale != "ratio":
            continue
        said = item.judged.comparison
        word = said.verdict if item.result.sizes.fresh else "not confirmed"
        label = labels[item.result.experiment.key, item.arm]
        rows.append({"label": label, "value": said.effect, "low": said.low, "high": said.high, "verdict": word})
    return rows


def _labels(judged: Sequence[ArmJudged]) -> dict[tuple[str, str], str]:
    """Return what each arm of each experiment is called: with its experiment, where that is not plain from the arm."""
    found = {(item.result.experiment.key, item.arm): item.result.experiment for item in judged}
    often = Counter(arm for _, arm in found)  # one setting in several experiments: under other conditions
    return {
        (key, arm): arm if often[arm] == 1 and len(experiment.arms) > 1 else f"{arm} ({experiment.title})"
        for (key, arm), experiment in found.items()
    }


def sentence(judged: Sequence[ArmJudged], key: str) -> str:
    """Return what an experiment showed in one sentence for each arm, its medians beside the changes."""
    told, labels = [], _labels(judged)
    for arm in dict.fromkeys(item.arm for item in judged if item.result.experiment.key == key):
        mine = [item for item in judged if item.result.experiment.key == key and item.arm == arm]
        changes = "; ".join(f"{item.figure.name} {item.shown} ({item.word})" for item in mine)
        told.append(f"{labels[key, arm]}: {changes}.")
    failed = next((i.result.failed_null for i in judged if i.result.experiment.key == key), "")
    return " ".join(told) + (f" No verdict: {failed}." if failed else "")


def _middle(values: Any) -> float:
    import numpy as np

    return float(np.median(values))
