"""Compare two arms that were measured in pairs, and say one of six words about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from perflab.errors import StatisticError
from perflab.stats.inputs import FloatArray, pair
from perflab.stats.interval import Interval
from perflab.stats.signed_rank import hodges_lehmann, signed_rank_p, tied_step
from perflab.stats.wording import explain

Verdict = Literal["better", "worse", "equivalent", "trivial", "inconclusive", "untrusted"]
Scale = Literal["ratio", "difference"]
POWER = 0.80  # the chance with which the smallest effect would have been seen
SKEWED = 3.0  # one side of the interval this many times the other: the symmetry assumption is in doubt


@dataclass(frozen=True)
class Comparison:
    """How the candidate differs from the baseline.

    `effect`, `low`, `high` (the interval at `confidence`) and `tost_low`, `tost_high` (the 90 % interval of the
    equivalence test) are candidate / baseline on the scale `ratio`, candidate - baseline on `difference`.
    `smallest_effect`: the smallest change that this n would have shown with 80 % power, as a share (0.05 = 5 %) or in
    the unit. `pairs_needed`: pairs after which a change of the margin would be seen, about.
    `null_effect`: the same estimate between the two identical arms, None when there was no null arm.
    """

    verdict: Verdict
    scale: Scale
    effect: float
    low: float
    high: float
    tost_low: float
    tost_high: float
    confidence: float
    n: int
    p_value: float
    margin: float
    beyond_margin: bool
    smallest_effect: float
    pairs_needed: int
    null_effect: float | None
    caveat: str
    explanation: str
    unit: str = ""

    def judged_anew(self, verdict: Verdict, why: str = "") -> Comparison:
        """Return the same figures under another verdict, its sentence made to fit; `why` is added to the caveats."""
        caveat = "; ".join(part for part in (self.caveat, why) if part)
        changed = replace(self, verdict=verdict, caveat=caveat)
        return replace(changed, explanation=explain(changed, self.unit))

    @property
    def excludes_no_change(self) -> bool:
        """Whether the interval leaves out "no change"."""
        nothing = 1.0 if self.scale == "ratio" else 0.0
        return self.low > nothing or self.high < nothing

    @property
    def null_beyond_margin(self) -> bool:
        """Whether the null arm's estimate lies beyond the margin."""
        return self.null_effect is not None and self._beyond(self.null_effect)

    @property
    def false_alarm(self) -> bool:
        """Of a comparison of two IDENTICAL arms: whether it saw a difference that does not exist, and that may matter.

        That is whether its own verdict would be better or worse: the blocks that produced it are biased, and no
        verdict of theirs may stand.
        """
        inside = not self._beyond(self.tost_low) and not self._beyond(self.tost_high)
        return self.excludes_no_change and not inside

    def _beyond(self, effect: float) -> bool:
        if self.scale == "difference":
            return abs(effect) >= self.margin
        return abs(math.log(effect)) >= math.log1p(self.margin)

    @property
    def ratio(self) -> float:
        """Candidate / baseline; raises StatisticError on the scale of differences."""
        if self.scale != "ratio":
            raise StatisticError("This comparison is one of differences", "`ratio` belongs to `compare_paired`")
        return self.effect

    @property
    def difference(self) -> float:
        """Candidate - baseline in the unit given; raises StatisticError on the scale of ratios."""
        if self.scale != "difference":
            raise StatisticError("This comparison is one of ratios", "`difference` belongs to `compare_differences`")
        return self.effect

    @property
    def interval(self) -> Interval:
        """The estimate with its bounds."""
        return Interval(self.effect, self.low, self.high, self.confidence, self.n, "paired Hodges-Lehmann")


def compare_paired(
    baseline: ArrayLike, candidate: ArrayLike, *, lower_is_better: bool, margin: float,
    null_arm: ArrayLike | None = None, confidence: float = 0.95,
) -> Comparison:  # fmt: skip
    """Compare by ratio: value i of each arm comes from block i, one value per trial, all above zero.

    Procedure: log-ratios per block, Hodges-Lehmann interval at `confidence` against 0 (is there a difference?) and
    at 90 % against +-log(1 + `margin`) (two one-sided tests: is it small enough not to matter?):

        excludes 0, not inside the margin   better or worse      (`beyond_margin` when all of it clears the margin)
        excludes 0, inside the margin       trivial
        holds 0, inside the margin          equivalent
        otherwise                           inconclusive

    Null hypotheses: the ratio is 1 (for a difference); it lies beyond the margin (for equivalence, one test a side).
    `null_arm`: a second, identical baseline of the same blocks. When its own verdict against `baseline` would be
    better or worse, the blocks saw a difference that does not exist: the verdict is untrusted.
    `margin`: the smallest change that matters, as a share (0.05 = 5 %), above 0.
    Raises StatisticError for NaN, unequal lengths, values of zero or below, log-ratios that are constant or tied into
    one value, fewer than 6 pairs.
    Weakness: pairs are taken as independent and their log-ratios as symmetric; where one arm spikes more the interval
    covers about 90 % instead of 95 (`caveat` says so). One comparison alone: of many use `selection.screen`.
    Source: Schuirmann 1987 (two one-sided tests); Hodges and Lehmann 1963.
    """
    before, after = pair("baseline", baseline, "candidate", candidate, positive=True)
    null = None if null_arm is None else pair("baseline", baseline, "null_arm", null_arm, positive=True)
    _check_margin(margin)
    null_steps = None if null is None else np.log(null[1] / null[0])
    return _judge(np.log(after / before), null_steps, "ratio", margin, lower_is_better, confidence, "")


def compare_differences(
    baseline: ArrayLike, candidate: ArrayLike, *, lower_is_better: bool, margin: float, unit: str,
    null_arm: ArrayLike | None = None, confidence: float = 0.95,
) -> Comparison:  # fmt: skip
    """Compare by difference in `unit`, `margin` included: for values that may be zero, or for added milliseconds.

    The same procedure, null hypotheses (a difference of 0; one beyond the margin), verdicts and errors as
    `compare_paired`, on candidate - baseline. Weakness: what slows a whole block adds to its difference, where a ratio
    cancels it; use ratios where all values are above zero and the margin is a share. Source: as `compare_paired`.
    """
    before, after = pair("baseline", baseline, "candidate", candidate)
    null = None if null_arm is None else pair("baseline", baseline, "null_arm", null_arm)
    _check_margin(margin)
    null_steps = None if null is None else null[1] - null[0]
    return _judge(after - before, null_steps, "difference", margin, lower_is_better, confidence, unit)


def _check_margin(margin: float) -> None:
    if not (math.isfinite(margin) and margin > 0):
        raise StatisticError(f"`margin` is {margin!r}", "it must be above 0: the smallest change that matters")


def _judge(
    steps: FloatArray, null_steps: FloatArray | None, scale: Scale, margin: float, lower_is_better: bool,
    confidence: float, unit: str,
) -> Comparison:  # fmt: skip
    """Turn per-block steps (log-ratios or differences) into a Comparison."""
    limit = math.log1p(margin) if scale == "ratio" else margin
    wide, narrow = _bounds(steps, confidence), _bounds(steps, 0.90)
    verdict = _verdict(wide, narrow, limit, lower_is_better)
    null_step, apart = (0.0, False) if null_steps is None else _null(null_steps, limit, confidence)
    if apart:
        verdict = "untrusted"
    visible = _smallest_effect(wide)
    back = (lambda step: float(math.exp(step))) if scale == "ratio" else float
    comparison = Comparison(
        verdict=verdict, scale=scale, effect=back(wide.value), low=back(wide.low), high=back(wide.high),
        tost_low=back(narrow.low), tost_high=back(narrow.high), confidence=wide.confidence, n=wide.n,
        p_value=signed_rank_p(steps), margin=margin, beyond_margin=wide.low > limit or wide.high < -limit,
        smallest_effect=math.expm1(visible) if scale == "ratio" else visible,
        pairs_needed=max(math.ceil(wide.n * (visible / limit) ** 2), 6),
        null_effect=None if null_steps is None else back(null_step),
        caveat=_caveat(wide), explanation="", unit=unit,
    )  # fmt: skip
    return replace(comparison, explanation=explain(comparison, unit))


@dataclass(frozen=True)
class _Bounds:
    value: float
    low: float
    high: float
    confidence: float
    n: int


def _bounds(steps: FloatArray, confidence: float) -> _Bounds:
    found = hodges_lehmann(steps, confidence)
    assert found.low is not None and found.high is not None  # hodges_lehmann is two-sided or raises
    return _Bounds(found.value, found.low, found.high, found.confidence, found.n)


def _null(steps: FloatArray, limit: float, confidence: float) -> tuple[float, bool]:
    """Return by how much two identical arms differed, and whether that speaks against their blocks.

    Arms that read the same in (nearly) every block do not; a constant step beyond the margin does, though no interval
    can be made of it.
    """
    step = tied_step(steps, 0.90)
    if step is not None:
        return step, abs(step) >= limit
    wide, narrow = _bounds(steps, confidence), _bounds(steps, 0.90)
    return wide.value, _verdict(wide, narrow, limit, lower_is_better=True) in ("better", "worse")


def _verdict(wide: _Bounds, narrow: _Bounds, limit: float, lower_is_better: bool) -> Verdict:
    inside = -limit < narrow.low and narrow.high < limit
    if wide.low > 0 or wide.high < 0:
        if inside:
            return "trivial"
        return "better" if (wide.value < 0) == lower_is_better else "worse"
    return "equivalent" if inside else "inconclusive"


def _smallest_effect(wide: _Bounds) -> float:
    """Scale the half-width, z(confidence) standard errors, to the z(confidence) + z(power) that a detection takes."""
    z = NormalDist().inv_cdf(0.5 + wide.confidence / 2)
    return (wide.high - wide.low) / 2 * (z + NormalDist().inv_cdf(POWER)) / z


def _caveat(wide: _Bounds) -> str:
    below, above = wide.value - wide.low, wide.high - wide.value
    if wide.n >= 10 and max(below, above) > SKEWED * min(below, above):
        return "the paired differences are skewed (one arm has more spikes): the interval may cover less than it says"
    return ""
