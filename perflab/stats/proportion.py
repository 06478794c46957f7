"""Rates of rare events: errors, losses, refusals."""

from __future__ import annotations

from perflab.errors import StatisticError
from perflab.stats.inputs import level
from perflab.stats.interval import Interval


def clopper_pearson(events: int, n: int, confidence: float = 0.95) -> Interval:
    """Bound a rate from `events` among `n` independent trials, exactly (and so a little wide).

    With no event the lower bound is 0 and the upper bound takes the whole error: 1 - (1 - confidence)^(1/n), the
    exact form of the rule of three, as the catalogue asks for it (3,000 trials without an event bound 0.1 %).
    Weakness: whoever does not know beforehand which case will come is covered a little less than it says: ten trials
    at a rate of 26 % in 92.7 % of cases. Errors of one outage are not independent; count outages then.
    Source: Clopper and Pearson 1934.
    """
    if n < 1:
        raise StatisticError(f"`n` is {n}", "a rate needs at least one trial")
    if not 0 <= events <= n:
        raise StatisticError(f"`events` is {events} of {n}", "it must lie between 0 and `n`")
    alpha = 1.0 - level("confidence", confidence)
    if events in (0, n):
        edge = alpha ** (1.0 / n)
        low, high = (0.0, 1.0 - edge) if events == 0 else (edge, 1.0)
        return Interval(events / n, low, high, confidence, n, "Clopper-Pearson, one side")
    from scipy.special import betaincinv

    low = float(betaincinv(events, n - events + 1, alpha / 2))
    high = float(betaincinv(events + 1, n - events, 1.0 - alpha / 2))
    return Interval(events / n, low, high, confidence, n, "Clopper-Pearson")


def more_often(events_a: int, n_a: int, events_b: int, n_b: int) -> float:
    """Return the one-sided p-value of "B has events no more often than A": Fisher's exact test.

    Null hypothesis: the rate of B is at most that of A.
    Given `events_a` + `events_b` events among all trials, the number that falls to B is hypergeometric. Exact for
    every n, also with no event in A. Weakness: it takes trials as independent, and errors of one outage are not;
    conservative for few events. Raises StatisticError as `clopper_pearson` does. Source: Fisher 1935.
    """
    for events, n in ((events_a, n_a), (events_b, n_b)):
        if n < 1:
            raise StatisticError(f"`n` is {n}", "a rate needs at least one trial")
        if not 0 <= events <= n:
            raise StatisticError(f"`events` is {events} of {n}", "it must lie between 0 and `n`")
    from scipy.stats import hypergeom

    return float(hypergeom.sf(events_b - 1, n_a + n_b, events_a + events_b, n_b))
