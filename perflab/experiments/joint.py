"""Settings together: which sets of them are measured, and what one figure of all sets says of their interactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.null_arm import voided
from perflab.stats.compare import Comparison, compare_paired
from perflab.stats.selection import confirm_family

Members = frozenset[int]  # places in the order of adoption
WORDS = {"worse": "overlap", "better": "reinforce each other", "equivalent": "independent", "trivial": "independent",
         "inconclusive": "open", "untrusted": "no verdict"}  # fmt: skip
PAYS = {"better": "pays", "worse": "costs", "equivalent": "no longer pays", "trivial": "no longer pays",
        "inconclusive": "open", "untrusted": "no verdict"}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One of the settings, ``flag=value``; `price`: what its own confirmation showed to be dearer, `seen_in` where."""

    arm: str
    strategy: str
    price: str = ""
    seen_in: str = ""


@dataclass(frozen=True)
class JointFigure:
    """One figure of all sets, settings by their place in the order of adoption.

    `of` returns the figure of a set, float64 [blocks], above zero, less being the gain; `margin` is the smallest share
    that matters; `void` what takes every verdict. Every comparison is made within the blocks, so that what slows a
    block is in all sides of it.
    """

    count: int
    of: Callable[[Members], np.ndarray]
    margin: float
    void: str = ""

    def product(self, members: Sequence[int]) -> np.ndarray:
        """Return what the figure would be, block by block, if every setting did together what it does alone."""
        base = self._values(())
        alone = [self._values((i,)) / base for i in members]
        return np.asarray(base * np.prod(alone, axis=0))

    @cached_property
    def together(self) -> Comparison:
        """All settings against the base."""
        return self.growing[-1]

    @cached_property
    def alone(self) -> tuple[Comparison, ...]:
        """Each setting against the base, before any other."""
        return tuple(self._compare(self._values(()), self._values((i,))) for i in self._all)

    @cached_property
    def growing(self) -> tuple[Comparison, ...]:
        """The first one, two, ... settings against the base."""
        return tuple(self._compare(self._values(()), self._values(self._all[: j + 1])) for j in self._all)

    @cached_property
    def steps(self) -> tuple[Comparison, ...]:
        """What each setting adds in the order of adoption."""
        return tuple(self._compare(self._values(self._all[:j]), self._values(self._all[: j + 1])) for j in self._all)

    @cached_property
    def last(self) -> tuple[Comparison, ...]:
        """What each setting adds on top of all others, Holm over the settings."""
        everything = self._values(self._all)
        return self._family({str(i): self._compare(self._values(self._but(i)), everything) for i in self._all})

    @cached_property
    def whole(self) -> Comparison:
        """All settings measured, against the product of what each does alone: 1 = they are independent.

        That is of ratios: settings that save separate work add up in milliseconds, and stand a little below 1.
        """
        return self._interactions[0]

    @cached_property
    def with_the_rest(self) -> tuple[Comparison, ...]:
        """What each setting does on top of all others, against what it does alone; above 1 they overlap."""
        return self._interactions[1:]

    @property
    def _all(self) -> tuple[int, ...]:
        return tuple(range(self.count))

    def _but(self, i: int) -> tuple[int, ...]:
        return tuple(j for j in self._all if j != i)

    def _values(self, members: Sequence[int]) -> np.ndarray:
        return self.of(frozenset(members))

    @cached_property
    def _interactions(self) -> tuple[Comparison, ...]:
        """The whole and each setting with the rest as one family: Holm over all of them."""
        joint, base = self._values(self._all), self._values(())
        expected = {"whole": self.product(self._all)}
        expected |= {str(i): self._values(self._but(i)) * self._values((i,)) / base for i in self._all}
        if self.count == 2:  # one pair: all three are the same comparison, and no family
            one = self._compare(expected["whole"], joint)
            return (one, one, one)
        return self._family({name: self._compare(values, joint) for name, values in expected.items()})

    def _family(self, found: dict[str, Comparison]) -> tuple[Comparison, ...]:
        return tuple(voided(c.comparison, self.void) for c in confirm_family(found))

    def _compare(self, before: np.ndarray, after: np.ndarray) -> Comparison:
        return voided(compare_paired(before, after, lower_is_better=True, margin=self.margin), self.void)


def sets_of(count: int) -> tuple[Members, ...]:
    """Return the sets to measure, each once: none, each setting alone, growing ones, all, and all but each one.

    About three for each setting. Weakness: pairs within a larger set are not told apart: of an overlap it shows which
    setting it concerns and after which step, not with which other one alone.
    """
    everything = frozenset(range(count))
    sets = [frozenset[int](), *(frozenset({i}) for i in range(count)), *(frozenset(range(j + 1)) for j in range(count)),
            *(everything - {i} for i in range(count))]  # fmt: skip
    return tuple(dict.fromkeys(sets))


def waterfall_rows(arms: Sequence[str], figure: JointFigure) -> list[dict[str, float | str]]:
    """Return one row for each step of adoption: the figure so far as a ratio, and the product of single effects.

    Empty where the figure cannot be compared.
    """
    try:
        growing = figure.growing
    except StatisticError:
        return []
    rows: list[dict[str, float | str]] = []
    for j, (arm, so_far) in enumerate(zip(arms, growing, strict=True)):
        ratios = figure.product(range(j + 1)) / figure.of(frozenset())
        rows.append({"label": arm, "value": so_far.effect, "low": so_far.low, "high": so_far.high,
                     "expected": float(np.exp(np.median(np.log(ratios))))})  # fmt: skip
    return rows


def prices_told(settings: Sequence[Setting]) -> str:
    """Return the end of a claim that names the settings with a price; empty where none has one."""
    priced = "; ".join(f"{one.arm} ({one.price})" for one in settings if one.price)
    return f" At a price, by what confirmed them: {priced}." if priced else ""
