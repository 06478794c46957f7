"""Do flags that pay alone still pay together? Fresh blocks of each alone, of growing sets, and of all but one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.blocks import BlockResult, run_blocks
from perflab.experiments.conclude.flags import equal_answers
from perflab.experiments.conclude.parts import given_up, percent_change
from perflab.experiments.confirm import FIGURES, FRESH_WORK, Confirmation
from perflab.experiments.effort import Effort
from perflab.experiments.joint import WORDS, JointFigure, Members, Setting, prices_told, sets_of
from perflab.experiments.joint import waterfall_rows as rows_of
from perflab.experiments.null_arm import CPU_MARGIN, NULL, null_checks
from perflab.experiments.prototype import block_plan
from perflab.experiments.screen import FlagEffect
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.system.variant import BASELINE

OWN_WORK = 2 * FRESH_WORK  # added to the seeds of order and work: no block of the comparison or confirmation again
CPU = FIGURES[0][1]


@dataclass(frozen=True)
class Adoption:
    """Blocks of the confirmed flags alone and together; `order` is that of the screening, in which they are adopted."""

    order: tuple[FlagEffect, ...]
    left_out: tuple[str, ...]  # confirmed flags that could not be laid over each other, and why
    blocks: BlockResult
    prices: Mapping[str, str] = field(default_factory=dict)  # by arm: what else the confirmation showed

    @property
    def null_checks(self) -> tuple[TrustCheck, ...]:
        """The null arm of these blocks."""
        return null_checks(self.blocks.column, "interactions") if self.blocks.has_null else ()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The flags with their strategies and prices, in the order of adoption."""
        return tuple(Setting(e.arm, e.strategy, self.prices.get(e.arm, "")) for e in self.order)

    @cached_property
    def cpu(self) -> JointFigure:
        """The figure by which they were chosen."""
        return self.figure(CPU, CPU_MARGIN)

    def figure(self, column: str, margin: float) -> JointFigure:
        """Return one figure of all sets."""

        def of(members: Members) -> np.ndarray:
            return self.blocks.column(arm_of(self.order, members), column)

        return JointFigure(len(self.order), of, margin, self.blocks.failed_null)


def arm_of(order: Sequence[FlagEffect], members: frozenset[int]) -> str:
    """Return the name of the arm with some flags of an order: one name for one set, whatever it was reached by."""
    if not members:
        return BASELINE
    if len(members) == 1:
        return order[min(members)].arm
    if len(members) == len(order):
        return "all"
    if members == frozenset(range(len(members))):
        return f"first-{len(members)}"
    missing = sorted(set(range(len(order))) - members)
    return "without-" + "-".join(order[i].arm for i in missing)


def adoption_arms(order: Sequence[FlagEffect]) -> dict[str, str]:
    """Return arm name to variant: the baseline twice, each flag alone, the growing sets, and all but each one."""
    arms = {arm_of(order, s): "+".join([BASELINE, *(order[i].arm for i in sorted(s))]) for s in sets_of(len(order))}
    return {BASELINE: arms.pop(BASELINE), NULL: BASELINE, **arms}


def adoptable(study: Study, confirmation: Confirmation, most: int) -> tuple[tuple[FlagEffect, ...], tuple[str, ...]]:
    """Return the confirmed flags that can be laid over each other, at most `most`, and of the others why not.

    Confirmed: less CPU on fresh blocks, with equal answers, failing alike. They keep the order of their screening:
    ordering them by the estimates of the confirmation would choose a winner from the data that judges it. One that
    costs response or memory stays among them, at its price (`price_of`).
    """
    order: list[FlagEffect] = []
    left: list[str] = []
    for item in (f for f in confirmation.figures if f.column == CPU):
        effect, blocks = item.effect, confirmation.blocks
        sound = blocks.failing_alike(effect.arm, effect.base).passed
        if item.confirmed.comparison.verdict != "better" or not sound:
            continue
        if not equal_answers(study, effect, item.equal_answers).passed:
            continue
        if effect.base != BASELINE:
            label = f"{effect.flag}={effect.value}"
            left.append(f"{label} was confirmed beside {effect.base}, not beside the baseline: no arm of its own here")
        elif any(other.flag == effect.flag for other in order):
            left.append(f"{effect.arm}: another value of {effect.flag} comes before it")
        elif len(order) == most:
            left.append(f"{effect.arm}: beyond the {most} flags that these blocks have room for")
        else:
            order.append(effect)
    return tuple(order), tuple(left)


def price_of(study: Study, confirmation: Confirmation, effect: FlagEffect) -> str:
    """Return what a flag costs beside the CPU that it saves: figures confirmed to be dearer, what it gives up; or "".

    The strategy guide calls such a flag a gain at a price, which is adopted where the price is acceptable. So it is
    not kept out of the order, and its price is told wherever the order is.
    """
    figures = (f for f in confirmation.figures if f.effect.arm == effect.arm)
    dearer = [
        f"{f.figure} {percent_change(f.confirmed.comparison)}"
        for f in figures
        if f.confirmed.comparison.verdict == "worse"
    ]
    lost = given_up(study, effect.pair.base.flags, effect.pair.changed.flags)
    return "; ".join([*dearer, *(f"{how} {what}" for how, what in lost.items())])


def measure_adoption(study: Study, sizes: Effort, confirmation: Confirmation | None) -> Adoption | None:
    """Run fresh blocks of the confirmed flags alone and together; None at quick, and for fewer than two of them.

    With k flags there are about 3 k arms (`sets_of`). Blocks go on until the interval of every arm is narrow enough, or
    the cap is reached; trials that the run has already are read back.
    """
    if confirmation is None or sizes.adopt_flags < 2:
        return None
    order, left = adoptable(study, confirmation, sizes.adopt_flags)
    if len(order) < 2:
        return None
    plan = replace(block_plan(study, sizes, sizes.adopt_cap_s, 1 + len(order)), work=OWN_WORK)
    prices = {effect.arm: price_of(study, confirmation, effect) for effect in order}
    return Adoption(order, left, run_blocks(study, adoption_arms(order), plan, "adopt"), prices)


def adoption_sentence(adoption: Adoption | None) -> str:
    """Say in one sentence what the flags do together, and whether that is the product of what they do alone."""
    if adoption is None:
        return "Interactions are measured at full effort, where two flags or more are confirmed."
    if adoption.blocks.failed_null:
        return f"No verdict on interactions: {adoption.blocks.failed_null}."
    try:
        whole, together = adoption.cpu.whole, adoption.cpu.together
    except StatisticError as error:
        return f"Interactions cannot be computed, because {error}"
    return (
        f"The {len(adoption.order)} flags together: {percent_change(together)} CPU in {together.n} blocks, which is "
        f"{percent_change(whole)} against the product of what each does alone: {WORDS[whole.verdict]}."
        + prices_told(adoption.settings)
    )


def waterfall_rows(adoption: Adoption | None) -> list[dict[str, float | str]]:
    """Return one row for each step of adoption: CPU of the set so far as a ratio, and the product of single effects.

    Empty where nothing was measured together, or its CPU cannot be compared; `adoption_sentence` says which.
    """
    return rows_of([effect.arm for effect in adoption.order], adoption.cpu) if adoption else []
