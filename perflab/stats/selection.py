"""Many strategies against one baseline: screen them all, confirm the few on fresh blocks, publish only the latter.

The best of twenty strategies that do nothing looks 1.2 to 1.9 % better in the data that chose it (the winner's curse).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.compare import Comparison, compare_paired
from perflab.stats.multiple import benjamini_hochberg, holm

SCREEN_Q, CONFIRM_ALPHA, MOST_CONFIRMED = 0.10, 0.05, 5


@dataclass(frozen=True)
class Screened:
    """What a screening found of one candidate: `adjusted_p` counts how many were looked at; `chosen` = confirm it.

    `comparison` stands for finding what to confirm. Its estimate is not to be published as an effect.
    """

    name: str
    comparison: Comparison
    adjusted_p: float
    passed: bool
    chosen: bool


@dataclass(frozen=True)
class Confirmed:
    """A candidate measured again on fresh blocks; its verdict holds for all candidates together at `alpha`."""

    name: str
    comparison: Comparison
    adjusted_p: float
    family: int
    alpha: float


def screen(
    baseline: ArrayLike, candidates: Mapping[str, ArrayLike], *, lower_is_better: bool, margin: float,
    null_arm: ArrayLike | None = None, q: float = SCREEN_Q, most: int = MOST_CONFIRMED,
) -> tuple[Screened, ...]:  # fmt: skip
    """Compare every candidate with the baseline in the same blocks; choose the best `most` of those that pass.

    Null hypothesis of each: it changes nothing. Passing: the signed-rank p, adjusted by Benjamini-Hochberg over all
    candidates, is at most `q`; of about ten that pass, one may be false. A candidate that does not pass cannot be
    better, worse or trivial here: its verdict is inconclusive (or equivalent). Chosen are those that passed and gain.
    A failed null arm chooses nothing. With m candidates a single true one can pass only with enough blocks:
    m * 2^(1 - n) <= q, 9 blocks for 20. Weakness: what is chosen looks better than it is.
    Returns the candidates by effect, the largest gain first.
    Arrays as in `compare_paired`. Source: Benjamini and Hochberg 1995.
    """
    compared = {
        name: compare_paired(baseline, x, lower_is_better=lower_is_better, margin=margin, null_arm=null_arm)
        for name, x in _some(candidates).items()
    }
    return screen_family(compared, lower_is_better=lower_is_better, q=q, most=most)


def screen_family(
    compared: Mapping[str, Comparison], *, lower_is_better: bool, q: float = SCREEN_Q, most: int = MOST_CONFIRMED
) -> tuple[Screened, ...]:
    """Screen comparisons that each have a baseline of their own as one family: as `screen` otherwise."""
    adjusted = benjamini_hochberg([c.p_value for c in compared.values()], q)
    found = [
        Screened(name, _unless_passed(c, passed), p, passed, False)
        for (name, c), p, passed in zip(compared.items(), adjusted.p, adjusted.rejected, strict=True)
    ]
    found.sort(key=lambda s: s.comparison.effect if lower_is_better else -s.comparison.effect)
    winners = {s.name for s in [s for s in found if s.comparison.verdict == "better"][:most]}
    return tuple(replace(s, chosen=s.name in winners) for s in found)


def confirm(
    baseline: ArrayLike, candidates: Mapping[str, ArrayLike], *, lower_is_better: bool, margin: float,
    null_arm: ArrayLike | None = None, alpha: float = CONFIRM_ALPHA,
) -> tuple[Confirmed, ...]:  # fmt: skip
    """Judge the chosen candidates on blocks that no choice has seen; these estimates may be published.

    Null hypothesis of each: it changes nothing. Holm bounds the chance of even one false difference among all
    candidates by `alpha`; one that Holm does not reject is inconclusive (or equivalent), whatever its own interval
    says. The interval printed is that of the candidate alone, at 95 %. The bound is that of ONE figure: whoever judges
    several figures of the same candidates calls this for each, and each has its own chance of `alpha`.
    Weakness: with the arrays of the screening the winner's curse stays in; give fresh ones. Source: Holm 1979.
    """
    compared = {
        name: compare_paired(baseline, x, lower_is_better=lower_is_better, margin=margin, null_arm=null_arm)
        for name, x in _some(candidates).items()
    }
    return confirm_family(compared, alpha)


def confirm_family(compared: Mapping[str, Comparison], alpha: float = CONFIRM_ALPHA) -> tuple[Confirmed, ...]:
    """Judge comparisons that each have a baseline of their own as one family of one figure: as `confirm` otherwise."""
    adjusted = holm([c.p_value for c in compared.values()], alpha)
    return tuple(
        Confirmed(name, _unless_passed(c, passed), p, len(compared), alpha)
        for (name, c), p, passed in zip(compared.items(), adjusted.p, adjusted.rejected, strict=True)
    )


def _some(candidates: Mapping[str, ArrayLike]) -> Mapping[str, ArrayLike]:
    if not candidates:
        raise StatisticError("`candidates` is empty", "there must be at least one arm to compare")
    return candidates


def _unless_passed(comparison: Comparison, passed: bool) -> Comparison:
    """Take back a difference that does not survive the number of comparisons.

    A trivial one lay inside the margin: that it is no larger than that stands, and makes it equivalent.
    """
    if passed or comparison.verdict not in ("better", "worse", "trivial"):
        return comparison
    if comparison.verdict == "trivial":
        return comparison.judged_anew("equivalent")
    return comparison.judged_anew("inconclusive", "the difference does not survive the number of comparisons")
