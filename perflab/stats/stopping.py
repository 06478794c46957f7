"""When to stop measuring pairs: on the precision of the interval, never on its significance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, series
from perflab.stats.signed_rank import fewest_pairs, hodges_lehmann, tied_step

Why = Literal["not yet", "precise", "out of time", "most pairs"]
FIRST, GROWTH = 15, 1.25


@dataclass(frozen=True)
class StopRule:
    """Look at `first` pairs and then at each `growth` times as many; stop when the interval is narrow enough.

    `target`: half-width of the interval on the logarithmic scale, 0.02 = about 2 % either way (or in the unit, for
    differences). `most`: pairs after which it ends in any case. `family`: how many comparisons are judged together with
    Holm's correction; time is never up before one among them could be confirmed.
    """

    target: float
    first: int = FIRST
    growth: float = GROWTH
    most: int = 200
    confidence: float = 0.95
    family: int = 1

    def __post_init__(self) -> None:
        """Refuse a rule that could not decide."""
        if not (math.isfinite(self.target) and self.target > 0):
            raise StatisticError(f"`target` is {self.target!r}", "the half-width to reach must be above 0")
        needed = fewest_pairs(self.confidence)
        if not needed <= self.first <= self.most:
            raise StatisticError(f"`first` is {self.first} and `most` {self.most}",
                                 f"both at least {needed}, the first look not after the last")  # fmt: skip
        if self.family < 1:
            raise StatisticError(f"`family` is {self.family}", "at least one comparison is judged")
        if not self.growth > 1:
            raise StatisticError(f"`growth` is {self.growth!r}", "looks must lie further and further apart: above 1")

    @property
    def least(self) -> int:
        """The fewest pairs that can confirm anything: 6 for one comparison at 95 %, 9 for one among twelve."""
        return min(fewest_pairs(1.0 - (1.0 - self.confidence) / self.family), self.most)

    def next_look(self, n: int) -> int:
        """Return the smallest number of pairs above `n` at which the rule looks."""
        look = self.first
        while look <= n:
            look = max(math.ceil(look * self.growth), look + 1)
        return min(look, self.most)

    def is_look(self, n: int) -> bool:
        """Whether the rule looks at `n` pairs."""
        return n >= self.most or (n >= self.first and self.next_look(n - 1) == n)


@dataclass(frozen=True)
class Stop:
    """What the rule says after `n` pairs; `pairs_needed` is about how many MORE would reach the target, 0 when met."""

    stop: bool
    why: Why
    n: int
    half_width: float | None  # None before there are enough pairs for an interval
    target: float
    pairs_needed: int

    @property
    def sentence(self) -> str:
        """Why measuring ended, in words."""
        reached = "no interval yet" if self.half_width is None else f"half-width {_size(self.half_width)}"
        asked = f"asked {_size(self.target)}"
        if self.why == "precise":
            return f"stopped at {self.n} pairs: the interval is narrow enough ({reached}, {asked})"
        if self.why == "not yet":
            return f"going on after {self.n} pairs ({reached}, {asked})"
        limit = "the time was up" if self.why == "out of time" else "the most pairs allowed were measured"
        if self.half_width is None and not self.pairs_needed:
            return f"stopped at {self.n} pairs because {limit}: no figure could be computed ({reached}, {asked})"
        if self.half_width == 0:
            return f"stopped at {self.n} pairs because {limit}: too many values are equal for an interval"
        return f"stopped at {self.n} pairs because {limit} ({reached}, {asked}): about {self.pairs_needed} more needed"


def decide(rule: StopRule, *steps: ArrayLike, out_of_time: bool = False) -> Stop:
    """Say whether to stop after the pairs measured so far; `steps`: (n,), their log-ratios (or differences).

    Several series (arms or figures of the same blocks) stop together, when the widest of them is narrow enough.
    Steps so tied that their interval has no width show the instrument's resolution, no precision: the rule goes on, and
    `half_width` is 0. `out_of_time` stops as soon as there are `least` pairs: with fewer all of the time would be spent
    on a comparison that cannot be confirmed, whatever it shows. Whether zero lies inside the interval is never looked
    at, which is why the level survives: stopping on significance finds a difference between identical arms in 22 to
    32 % of runs, this rule in its nominal 5 %. Weakness: the first look must not be earlier than about 10 pairs, for a
    small sample that happens to be narrow stops too early.
    Source: Chow and Robbins 1965 (fixed-width sequential intervals).
    Raises StatisticError for NaN, no series, or series of unequal length.
    """
    columns = _columns(steps)
    n = columns[0].size
    if n < fewest_pairs(rule.confidence):
        return Stop(False, "not yet", n, None, rule.target, max(rule.first - n, 0))
    widths = [_half_width(column, rule.confidence) for column in columns]
    more = _more_pairs(n, max(widths), rule.target)
    half = max(widths) if min(widths) > 0 else 0.0
    if rule.is_look(n) and 0 < half <= rule.target:
        return Stop(True, "precise", n, half, rule.target, 0)
    if n >= rule.most:
        return Stop(True, "most pairs", n, half, rule.target, more)
    late = out_of_time and n >= rule.least
    return Stop(late, "out of time" if late else "not yet", n, half, rule.target, more)


def nothing_to_judge(rule: StopRule, n: int, *, out_of_time: bool = False) -> Stop:
    """Return what the rule says of `n` pairs none of whose figures can be computed: on, to the last pair or the cap."""
    stop = out_of_time or n >= rule.most
    why: Why = "not yet" if not stop else "out of time" if out_of_time else "most pairs"
    return Stop(stop, why, n, None, rule.target, 0)


def _columns(steps: tuple[ArrayLike, ...]) -> list[FloatArray]:
    columns = [series("steps", one, minimum=0) for one in steps]
    if not columns:
        raise StatisticError("`steps` holds no series", "there must be an arm beside the baseline")
    if len({column.size for column in columns}) != 1:
        raise StatisticError("`steps` holds series of unequal length", "each arm has one step for each block")
    return columns


def _half_width(steps: FloatArray, confidence: float) -> float:
    try:
        found = hodges_lehmann(steps, confidence).half_width
    except StatisticError:
        if tied_step(steps, confidence) is None:
            raise
        return 0.0
    assert found is not None  # hodges_lehmann is two-sided or raises
    return found


def _more_pairs(n: int, half: float, target: float) -> int:
    """Widths shrink with the square root of n: scale, and never promise less than one pair."""
    return 0 if half <= target else max(math.ceil(n * (half / target) ** 2) - n, 1)


def _size(width: float) -> str:
    return f"{100 * width:.2g} %"
