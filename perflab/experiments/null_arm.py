"""The null arm: the baseline measured twice in the same blocks. What it gets wrong voids everything beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
Column = Callable[[str, str], np.ndarray]  # arm, figure -> one value per block


@dataclass(frozen=True)
class Judged:
    """A figure that arms are compared by, and the smallest change of it that matters."""

    column: str
    name: str
    margin: float
    in_ms: bool = False  # compared by difference in milliseconds, else by ratio


FIGURES = (
    Judged("cpu_ms_per_unit", "CPU", CPU_MARGIN),
    Judged("p50_ms", "response p50", P50_MARGIN),
    Judged("p95_ms", "response p95", P95_MARGIN),
    Judged("added_p50_ms", "time added", ADDED_MARGIN_MS, in_ms=True),
    Judged("memory_mb", "peak memory", MEMORY_MARGIN),
)


def null_checks(column: Column, blocks: str = "") -> tuple[TrustCheck, ...]:
    """Return one check for each figure in which the two identical arms can be compared; `blocks` names their set.

    A figure that cannot be computed, or that both arms show alike in every block, says nothing against the blocks.
    One constant step between them does, where it is beyond the margin, though no interval can be made of it.
    """
    found = []
    for figure in FIGURES:
        name = ", ".join(filter(None, (figure.name, blocks)))
        try:
            found.append(null_check(_compared(column, figure), name))
        except StatisticError:
            found += _constant(column, figure, name)
    return tuple(found)


def _constant(column: Column, figure: Judged, name: str) -> list[TrustCheck]:
    """Return the check on a constant step between the identical arms; nothing where there is none."""
    from perflab.findings.trust import null_arm_constant

    before, again = column("baseline", figure.column), column(NULL, figure.column)
    if before.shape != again.shape or not before.size:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = again - before if figure.in_ms else np.log(again / before)
    step = tied_step(steps, 0.90) if np.isfinite(steps).all() else None
    if not step:
        return []
    return [_named(null_arm_constant(step, steps.size, figure.margin, ratio=not figure.in_ms), name)]


def null_check(comparison: Comparison, name: str) -> TrustCheck:
    """Return the check on one comparison of identical arms, named after its figure."""
    from perflab.findings.trust import null_arm

    return _named(null_arm(comparison), name)


def _named(check: TrustCheck, name: str) -> TrustCheck:
    return check.model_copy(update={"name": f"{check.name} ({name})"})


def _compared(column: Column, figure: Judged) -> Comparison:
    before, again = column("baseline", figure.column), column(NULL, figure.column)
    if figure.in_ms:
        return compare_differences(before, again, lower_is_better=True, margin=figure.margin, unit="ms")
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
