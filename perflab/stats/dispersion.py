"""How much more counts scatter from capture to capture than chance alone: one factor for each function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perflab.stats.inputs import FloatArray

FEWEST_EXPECTED = 5.0  # samples per capture below which a function's own scatter says nothing
MOST_PRIOR_DF = 1e6  # stands for "all functions scatter alike"
FEWEST_DF = 4.0  # of a function that shows no scatter of its own
OWN_SPREAD_P = 0.05  # a function that clumps beyond this chance is judged by its own scatter alone


@dataclass(frozen=True)
class Dispersion:
    """Variance of counts over the multinomial's, (F,), and the degrees of freedom that each factor rests on, (F,)."""

    factor: FloatArray
    df: FloatArray


def pearson_dispersion(arms: list[FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (factor, degrees of freedom, expected samples per capture) of each function, (F,) each.

    `arms`: one array of counts (captures, F) per arm; the share of a function may differ between arms, not within.
    Source: McCullagh and Nelder 1989, section 4.5 (Pearson's X2 over its degrees of freedom).
    """
    width = arms[0].shape[1]
    squares, df, seen = np.zeros(width), np.zeros(width), np.zeros(width)
    for counts in arms:
        totals = counts.sum(axis=1, keepdims=True)
        expected = totals * (counts.sum(axis=0) / totals.sum())
        variance = expected * (1.0 - expected / totals)
        known = variance.min(axis=0) > 0
        squares += np.where(known, ((counts - expected) ** 2 / np.where(known, variance, 1.0)).sum(axis=0), 0.0)
        df += np.where(known, counts.shape[0] - 1, 0)
        seen = np.maximum(seen, expected.mean(axis=0))
    return np.divide(squares, df, out=np.ones(width), where=df > 0), df, seen


def moderated_dispersion(arms: list[FloatArray]) -> Dispersion:
    """Return the scatter of each function, drawn towards that of all: three captures say little about one function.

    An inverse-chi-square prior for the factors is fitted to the functions with enough samples, and each factor is the
    posterior mean under it, never below 1 (sampling theory's own). A function that clumps far beyond the prior (work
    that comes once in a second) keeps its own factor and degrees of freedom.
    `arms`: counts (captures, F), whole and not negative. Single captures show no scatter: factor 1.
    Weakness: with one capture for each arm the factor cannot be seen, so run-to-run changes of a share are not covered.
    Source: Smyth 2004, section 6.2 (moderated variances); Lund et al. 2012 (the same for counts).
    """
    factor, df, seen = pearson_dispersion(arms)
    usable = (df > 0) & (seen >= FEWEST_EXPECTED)
    if not usable.any():
        return Dispersion(np.maximum(factor, 1.0), np.where(df > 0, df, np.inf))
    prior, prior_df = _prior(factor[usable], df[usable])
    moderated = (prior_df * prior + df * factor) / (prior_df + df)
    clumped = (df > 0) & (_upper_tail(factor / max(prior, 1e-9), df, prior_df) < OWN_SPREAD_P) & (factor > 1.0)
    chosen = np.where(clumped, factor, moderated)
    return Dispersion(np.maximum(chosen, 1.0), np.where(clumped, df, np.maximum(prior_df + df, FEWEST_DF)))


def _prior(factor: FloatArray, df: FloatArray) -> tuple[float, float]:
    """Fit a scaled inverse chi-square to the factors by the moments of their logarithms."""
    from scipy.special import digamma, polygamma

    if factor.size < 3:
        return float(np.average(factor, weights=df)), float(df.sum())
    logs = np.log(np.maximum(factor, 1e-3 * max(float(np.median(factor)), 1e-3)))
    steps = logs - digamma(df / 2) + np.log(df / 2)
    spread = float(np.var(steps, ddof=1) - polygamma(1, df / 2).mean())
    if spread <= 0:
        return float(np.average(factor, weights=df)), MOST_PRIOR_DF
    half = _inverse_trigamma(spread)
    return float(np.exp(steps.mean() + digamma(half) - np.log(half))), 2.0 * half


def _inverse_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value, by Newton's method on 1/trigamma, which is convex (Smyth 2004, appendix)."""
    from scipy.special import polygamma

    x = 0.5 + 1.0 / value
    for _ in range(50):
        slope = float(polygamma(1, x))
        step = slope * (1.0 - slope / value) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return float(x)


def _upper_tail(ratio: FloatArray, df: FloatArray, prior_df: float) -> FloatArray:
    from scipy.special import fdtrc

    tail: FloatArray = fdtrc(np.maximum(df, 1.0), prior_df, ratio)
    return tail
