"""The null arm: the baseline measured twice in the same blocks. What it gets wrong voids everything beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from perflab.errors import StatisticError
from perflab.findings.finding import TrustCheck, load_findings
from perflab.runs import Run
from perflab.stats.compare import Comparison, compare_differences, compare_paired
from perflab.stats.signed_rank import tied_step

NULL = "null"
MACHINE = "00_machine"
MACHINE_CHECK = "A/A comparison"  # of 00_machine: identical known work, timed as if it were two variants
CPU_MARGIN, P50_MARGIN, P95_MARGIN, MEMORY_MARGIN, ADDED_MARGIN_MS = 0.05, 0.05, 0.10, 0.05, 1.0
# Of CPU where every arm is one process, started once: identical ones differed by 4 % (standard deviation, 33 pairs of
# gateways side by side on one core) and by 13 % at most, which no interval over windows of the same processes holds.
ONE_START_MARGIN = 0.15
FAMILY_ALPHA = 0.05  # the chance that sound blocks are voided by any of the figures
Column = Callable[[str, str], np.ndarray]  # arm, figure -> one value per block


@dataclass(frozen=True)
class Judged:
    """A figure that arms are compared by, and the smallest change of it that matters."""

    column: str
    name: str
    margin: float
    unit: str = ""  # of the difference by which it is compared; empty = by ratio


FIGURES = (
    Judged("cpu_ms_per_unit", "CPU", CPU_MARGIN),
    Judged("p50_ms", "response p50", P50_MARGIN),
    Judged("p95_ms", "response p95", P95_MARGIN),
    Judged("added_p50_ms", "time added", ADDED_MARGIN_MS, unit="ms"),
    Judged("memory_mb", "peak memory", MEMORY_MARGIN),
)


def null_checks(column: Column, blocks: str = "", figures: Sequence[Judged] = FIGURES) -> tuple[TrustCheck, ...]:
    """Return one check for each figure in which the two identical arms can be compared; `blocks` names their set.

    A figure that cannot be computed, or that both arms show alike in every block, says nothing against the blocks.
    One constant step between them does, where it is beyond the margin, though no interval can be made of it.
    Five figures are five chances to fail: of sound blocks about one set in ten would. So what is left of a figure's
    alarm after Holm's correction counts, wherever there are blocks enough that it can be left at all (8 for five
    figures); with fewer each figure counts by itself.
    """
    compared: dict[str, Comparison] = {}
    steps: list[TrustCheck] = []
    for figure in figures:
        name = ", ".join(filter(None, (figure.name, blocks)))
        try:
            compared[name] = _compared(column, figure)
        except StatisticError:
            steps += _constant(column, figure, name)
    chance = chance_alone(list(compared.values()))
    return (*(null_check(c, name, chance=chance[i]) for i, (name, c) in enumerate(compared.items())), *steps)


def chance_alone(compared: Sequence[Comparison]) -> list[bool]:
    """Return for each figure of one set of blocks whether its difference is what so many figures show by chance."""
    from perflab.stats.multiple import holm

    smallest_p = max((2.0 ** (1 - c.n) for c in compared), default=1.0)
    if not compared or smallest_p * len(compared) > FAMILY_ALPHA:
        return [False] * len(compared)
    return [not kept for kept in holm([c.p_value for c in compared], FAMILY_ALPHA).rejected]


def _constant(column: Column, figure: Judged, name: str) -> list[TrustCheck]:
    """Return the check on a constant step between the identical arms; nothing where there is none."""
    from perflab.findings.trust import null_arm_constant

    before, again = column("baseline", figure.column), column(NULL, figure.column)
    if before.shape != again.shape or not before.size:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = again - before if figure.unit else np.log(again / before)
    step = tied_step(steps, 0.90) if np.isfinite(steps).all() else None
    if not step:
        return []
    return [_named(null_arm_constant(step, steps.size, figure.margin, ratio=not figure.unit), name)]


def null_check(comparison: Comparison, name: str, *, chance: bool = False) -> TrustCheck:
    """Return the check on one comparison of identical arms, named after its figure.

    `chance`: its difference does not survive the number of figures that were looked at with it.
    """
    from perflab.findings.trust import null_arm

    return _named(null_arm(comparison, chance=chance), name)


def _named(check: TrustCheck, name: str) -> TrustCheck:
    return check.model_copy(update={"name": f"{check.name} ({name})"})


def _compared(column: Column, figure: Judged) -> Comparison:
    before, again = column("baseline", figure.column), column(NULL, figure.column)
    if figure.unit:
        return compare_differences(before, again, lower_is_better=True, margin=figure.margin, unit=figure.unit)
    return compare_paired(before, again, lower_is_better=True, margin=figure.margin)


def machine_null(run: Run) -> tuple[TrustCheck, ...]:
    """Return the failed A/A comparison of this run's own 00_machine; empty where it held, or was not made.

    Where interleaved known work was told apart from itself beyond the margin, no comparison of the same run may be
    believed, though its own blocks look sound.
    """
    folder = run.path / "findings"
    if not (folder / f"{MACHINE}.json").is_file():
        return ()
    trust = (check for finding in load_findings(folder) if finding.notebook == MACHINE for check in finding.trust)
    return tuple(check for check in trust if check.name == MACHINE_CHECK and not check.passed)


def failed_null(checks: Iterable[TrustCheck]) -> str:
    """Return what the null arm got wrong, in words; empty when it holds."""
    failed = [check for check in checks if check.veto and not check.passed]
    return "; ".join(f"{check.name}: {check.observed}" for check in failed)


def voided(comparison: Comparison, reason: str) -> Comparison:
    """Take the verdict from a comparison whose block set saw a difference that does not exist; "" leaves it."""
    if not reason or comparison.verdict == "untrusted":
        return comparison
    return comparison.judged_anew("untrusted", reason)
