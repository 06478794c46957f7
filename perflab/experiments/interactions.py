"""Do flags that pay alone still pay together? Fresh blocks of each alone, of growing sets, and of all but one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.blocks import BlockResult, run_blocks
from perflab.experiments.conclude.flags import equal_answers
from perflab.experiments.confirm import FIGURES, FRESH_WORK, Confirmation
from perflab.experiments.effort import Effort
from perflab.experiments.null_arm import CPU_MARGIN, NULL, null_checks, voided
from perflab.experiments.prototype import block_plan
from perflab.experiments.screen import FlagEffect
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.stats.compare import Comparison, compare_paired
from perflab.stats.selection import confirm_family
from perflab.system.variant import BASELINE

OWN_WORK = 2 * FRESH_WORK  # added to the seeds of order and work: no block of the comparison or confirmation again
CPU = FIGURES[0][1]
WORDS = {"worse": "overlap", "better": "reinforce each other", "equivalent": "independent", "trivial": "independent",
         "inconclusive": "open", "untrusted": "no verdict"}  # fmt: skip
PAYS = {"better": "pays", "worse": "costs", "equivalent": "no longer pays", "trivial": "no longer pays",
        "inconclusive": "open", "untrusted": "no verdict"}  # fmt: skip


@dataclass(frozen=True)
class Adoption:
    """Blocks of the confirmed flags alone and together; `order` is that of the screening, in which they are adopted.

    Every comparison is made within the blocks, so that what slows a block is in all sides of it.
    """

    order: tuple[FlagEffect, ...]
    left_out: tuple[str, ...]  # confirmed flags that could not be laid over each other, and why
    blocks: BlockResult

    @property
    def null_checks(self) -> tuple[TrustCheck, ...]:
        """The null arm of these blocks."""
        return null_checks(self.blocks.column, "interactions") if self.blocks.has_null else ()

    def arm(self, members: Sequence[int]) -> str:
        """Return the name of the arm with the flags at these places of the order."""
        return arm_of(self.order, frozenset(members))

    def values(self, members: Sequence[int], column: str = CPU) -> np.ndarray:
        """Return a figure of the arm with these flags, float64 [blocks]."""
        return self.blocks.column(self.arm(members), column)

    def product(self, members: Sequence[int], column: str = CPU) -> np.ndarray:
        """Return what a figure would be, block by block, if every flag did together what it does alone."""
        base = self.values((), column)
        alone = [self.values((i,), column) / base for i in members]
        return np.asarray(base * np.prod(alone, axis=0))

    @cached_property
    def together(self) -> Comparison:
        """All flags against the baseline."""
        return self._compare(self.values(()), self.values(self._all))

    @cached_property
    def whole(self) -> Comparison:
        """All flags measured, against the product of what each does alone: 1 = they are independent."""
        return self._interactions[0]

    @cached_property
    def with_the_rest(self) -> tuple[Comparison, ...]:
        """What each flag does on top of all others, against what it does alone; above 1 they overlap."""
        return self._interactions[1:]

    @cached_property
    def growing(self) -> tuple[Comparison, ...]:
        """The first one, two, ... flags against the baseline."""
        return tuple(self._compare(self.values(()), self.values(self._all[: j + 1])) for j in self._all)

    @cached_property
    def steps(self) -> tuple[Comparison, ...]:
        """What each flag adds in the order of adoption."""
        return tuple(self._compare(self.values(self._all[:j]), self.values(self._all[: j + 1])) for j in self._all)

    def last(self, column: str, margin: float) -> tuple[Comparison, ...]:
        """Return what each flag adds on top of all others, one figure, Holm over the flags."""
        found = {str(i): self._compare(self.values(self._but(i), column), self.values(self._all, column), margin)
                 for i in self._all}  # fmt: skip
        return self._family(found)

    @property
    def _all(self) -> tuple[int, ...]:
        return tuple(range(len(self.order)))

    def _but(self, i: int) -> tuple[int, ...]:
        return tuple(j for j in self._all if j != i)

    @cached_property
    def _interactions(self) -> tuple[Comparison, ...]:
        """The whole and each flag with the rest as one family: Holm over all of them."""
        joint = self.values(self._all)
        expected = {"whole": self.product(self._all)}
        expected |= {str(i): self.values(self._but(i)) * self.values((i,)) / self.values(()) for i in self._all}
        if len(self.order) == 2:  # one pair: all three are the same comparison, and no family
            one = self._compare(expected["whole"], joint)
            return (one, one, one)
        return self._family({name: self._compare(values, joint) for name, values in expected.items()})

    def _family(self, found: dict[str, Comparison]) -> tuple[Comparison, ...]:
        return tuple(voided(c.comparison, self.blocks.failed_null) for c in confirm_family(found))

    def _compare(self, before: np.ndarray, after: np.ndarray, margin: float = CPU_MARGIN) -> Comparison:
        found = compare_paired(before, after, lower_is_better=True, margin=margin)
        return voided(found, self.blocks.failed_null)


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
    everything = range(len(order))
    sets = [frozenset[int](), *(frozenset({i}) for i in everything), *(frozenset(range(j + 1)) for j in everything),
            *(frozenset(everything) - {i} for i in everything)]  # fmt: skip
    arms = {arm_of(order, s): "+".join([BASELINE, *(order[i].arm for i in sorted(s))]) for s in sets}
    return {BASELINE: arms.pop(BASELINE), NULL: BASELINE, **arms}


def adoptable(study: Study, confirmation: Confirmation, most: int) -> tuple[tuple[FlagEffect, ...], tuple[str, ...]]:
    """Return the confirmed flags that can be laid over each other, at most `most`, and of the others why not.

    Confirmed: less CPU on fresh blocks, with equal answers, failing alike. They keep the order of their screening:
    ordering them by the estimates of the confirmation would choose a winner from the data that judges it.
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


def measure_adoption(study: Study, sizes: Effort, confirmation: Confirmation | None) -> Adoption | None:
    """Run fresh blocks of the confirmed flags alone and together; None at quick, and for fewer than two of them.

    With k flags there are about 3 k arms. Blocks go on until the interval of every arm is narrow enough, or the cap is
    reached; trials that the run has already are read back. Weakness: pairs within a larger set are not told apart: of
    an overlap it says which flag it concerns and after which step it shows, not with which other one alone.
    """
    if confirmation is None or sizes.adopt_flags < 2:
        return None
    order, left = adoptable(study, confirmation, sizes.adopt_flags)
    if len(order) < 2:
        return None
    plan = replace(block_plan(study, sizes, sizes.adopt_cap_s, 1 + len(order)), work=OWN_WORK)
    return Adoption(order, left, run_blocks(study, adoption_arms(order), plan, "adopt"))


def adoption_sentence(adoption: Adoption | None) -> str:
    """Say in one sentence what the flags do together, and whether that is the product of what they do alone."""
    from perflab.experiments.conclude.parts import percent_change

    if adoption is None:
        return "Interactions are measured at full effort, where two flags or more are confirmed."
    if adoption.blocks.failed_null:
        return f"No verdict on interactions: {adoption.blocks.failed_null}."
    try:
        whole, together = adoption.whole, adoption.together
    except StatisticError as error:
        return f"Interactions cannot be computed, because {error}"
    return (
        f"The {len(adoption.order)} flags together: {percent_change(together)} CPU in {together.n} blocks, which is "
        f"{percent_change(whole)} against the product of what each does alone: {WORDS[whole.verdict]}."
    )


def waterfall_rows(adoption: Adoption | None) -> list[dict[str, float | str]]:
    """Return one row for each step of adoption: CPU of the set so far as a ratio, and the product of single effects.

    Empty where nothing was measured together, or its CPU cannot be compared; `adoption_sentence` says which.
    """
    if adoption is None:
        return []
    try:
        growing = adoption.growing
    except StatisticError:
        return []
    rows: list[dict[str, float | str]] = []
    for j, (effect, so_far) in enumerate(zip(adoption.order, growing, strict=True)):
        ratios = adoption.product(range(j + 1)) / adoption.values(())
        rows.append({"label": effect.arm, "value": so_far.effect, "low": so_far.low, "high": so_far.high,
                     "expected": float(np.exp(np.median(np.log(ratios))))})  # fmt: skip
    return rows
