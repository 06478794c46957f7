"""Confirmation: the flags that a screening chose, on fresh blocks that had no part in choosing them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perflab.errors import StatisticError
from perflab.experiments.blocks import BlockResult
from perflab.experiments.null_arm import CPU_MARGIN, MEMORY_MARGIN, P95_MARGIN, null_checks, voided
from perflab.experiments.screen import FlagEffect
from perflab.findings.finding import TrustCheck
from perflab.stats.compare import compare_paired
from perflab.stats.selection import Confirmed, confirm_family

FRESH_WORK = 500  # added to the seeds of order and work: no block of the comparison or the screening comes again
FIGURES = (  # nothing is adopted on one figure: the tail and the memory stand beside the CPU
    ("CPU", "cpu_ms_per_unit", CPU_MARGIN),
    ("response p95", "p95_ms", P95_MARGIN),
    ("peak memory", "memory_mb", MEMORY_MARGIN),
)


@dataclass(frozen=True)
class FlagConfirmed:
    """One figure of one flag as its fresh blocks show it: the only estimate of a flag that is published."""

    effect: FlagEffect
    figure: str
    column: str
    confirmed: Confirmed
    equal_answers: tuple[int, int]


@dataclass(frozen=True)
class Confirmation:
    """The confirmed figures of all chosen flags, flags in the order of their SCREENING.

    Ordering them anew by these estimates would choose a winner from the data that judges it.
    """

    figures: tuple[FlagConfirmed, ...]
    blocks: BlockResult
    problems: tuple[str, ...] = ()  # figures that cannot be computed, and why

    @property
    def null_checks(self) -> tuple[TrustCheck, ...]:
        """The null arm of the fresh blocks."""
        return null_checks(self.blocks.column, "confirmation") if self.blocks.has_null else ()

    def of(self, arm: str, figure: str = "CPU") -> FlagConfirmed | None:
        """Return one confirmed figure of a flag's arm, None when it was not confirmed."""
        return next((f for f in self.figures if f.effect.arm == arm and f.figure == figure), None)


def confirmed_figures(chosen: tuple[FlagEffect, ...], blocks: BlockResult) -> Confirmation:
    """Judge the chosen flags on their fresh blocks, Holm over the flags for each figure by itself.

    Its 5 % is the chance of one false difference among the flags IN ONE FIGURE; over all three it is at most 15 %.
    A figure that cannot be computed for one flag (constant, say) is left out for all of them, and `problems` says why.
    """
    found: list[FlagConfirmed] = []
    problems: list[str] = []
    for figure, column, margin in FIGURES:
        try:
            found += _figure(chosen, blocks, figure, column, margin)
        except StatisticError as error:
            problems.append(f"{figure} cannot be computed, because {error}")
    order = {effect.arm: i for i, effect in enumerate(chosen)}
    return Confirmation(tuple(sorted(found, key=lambda f: order[f.effect.arm])), blocks, tuple(problems))


def _figure(
    chosen: tuple[FlagEffect, ...], blocks: BlockResult, figure: str, column: str, margin: float
) -> list[FlagConfirmed]:
    judged = confirm_family(
        {
            effect.arm: compare_paired(
                blocks.column(effect.base, column),
                blocks.column(effect.arm, column),
                lower_is_better=True,
                margin=margin,
            )
            for effect in chosen
        }
    )
    said = [replace(item, comparison=voided(item.comparison, blocks.failed_null)) for item in judged]
    return [
        FlagConfirmed(effect, figure, column, item, blocks.equivalence.get(effect.arm, (0, 0)))
        for effect, item in zip(chosen, said, strict=True)
    ]
