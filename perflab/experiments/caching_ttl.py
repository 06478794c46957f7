"""Which time to live: the hits that another second gains, beside the stale answers that it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.cache.che import rising_root
from perflab.cache.expiry import fills_at, stale_ages, stale_share, timed_hit_ratios
from perflab.cache.generators import with_arrivals, zipf_popularity, zipf_trace
from perflab.cache.policies.lru import outcomes
from perflab.cache.staleness import Served, served
from perflab.cache.trace import Trace
from perflab.experiments.caching import sizes_of
from perflab.experiments.caching_models import OwnTrace
from perflab.experiments.conclude.parts import evidence, observation
from perflab.experiments.strategies.caching import zipf_reads
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck

SIZE_SHARE = 0.1  # of the objects, as the shared level of `caching_models` and the default for one's own trace
WARM_UP_SHARE, LONGEST_SHARE = 0.4, 0.2  # of the trace's duration: two of the longest times to live, and three judged
LEAST_JUDGED = 1_000  # requests of one's own trace after the warm-up, or the synthetic one is swept
WITHIN = 0.01  # one point of the hit ratio without a time to live
HALVINGS = 5  # of a step of the grid (a factor of 2.5 at most): to 3 %
NOT_FULL = 0.8  # of the capacity in unexpired objects, up to which the formula is held to the simulation
APART = 0.01
STRATEGY = "ST-CACHE-15"


@dataclass(frozen=True)
class Lifetime:
    """One time to live: what was simulated, and what the formulas say of a cache that holds all unexpired objects."""

    ttl_s: float
    seen: Served
    formula: float
    stale_formula: float
    mean_formula_s: float
    inside: float  # unexpired objects on average, by the formula


@dataclass(frozen=True)
class TtlSweep:
    """A trace with times under rising times to live; `untimed`: LRU's hit ratio with none, on the same requests.

    `knee`: the shortest time to live within a point of that, None where the longest simulated does not reach it.
    `fills_s`: the time to live whose unexpired objects fill the cache on average, by the formula.
    """

    trace: Trace
    own: bool
    capacity: int
    per_s: float
    change_s: float
    untimed: float
    lifetimes: tuple[Lifetime, ...]
    knee: Lifetime | None
    fills_s: float

    @property
    def freshest(self) -> Lifetime:
        """The time to live, of those on the grid, under which most requests get a cached value that is current."""
        return max(self.lifetimes, key=lambda one: one.seen.fresh_ratio)

    @property
    def full_s(self) -> float | None:
        """The time to live from which the cache is full, None where all those simulated leave room."""
        return self.fills_s if self.fills_s <= self.lifetimes[-1].ttl_s else None

    @property
    def apart(self) -> float:
        """The largest distance of simulation and formula where the cache is not full, NaN where it always is."""
        held = [one for one in self.lifetimes if one.inside <= NOT_FULL * self.capacity]
        return max((abs(one.seen.hit_ratio - one.formula) for one in held), default=math.nan)


def ttl_sweep(study: Study, skew: float, per_s: float, change_s: float, own: OwnTrace | None = None) -> TtlSweep:
    """Simulate rising times to live on the study's trace with Poisson arrivals, or on one's own where it has times.

    `change_s`: mean time between two changes of an object at its source. Judged are the requests of the last three
    fifths of the duration; every time to live meets the same requests.
    """
    trace, capacity, is_own = _demand(study, skew, per_s, own)
    assert trace.times is not None
    duration = float(trace.times[-1] - trace.times[0])
    warm_up = _warm_up(trace, duration)
    rate = trace.requests / duration
    shares = np.bincount(trace.ids, minlength=trace.objects) / trace.requests if is_own else zipf_popularity(
        trace.objects, skew)  # fmt: skip
    rates = rate * shares

    def live(ttl_s: float) -> Lifetime:
        ratios = timed_hit_ratios(rates, ttl_s)
        return Lifetime(ttl_s, served(trace, capacity, ttl_s, change_s, warm_up), float(shares @ ratios),
                        stale_share(ttl_s, change_s), stale_ages(ttl_s, change_s)[0], float(ratios.sum()))  # fmt: skip

    found = []
    grid = steps(duration / 5_000, LONGEST_SHARE * duration)
    for number, ttl_s in enumerate(grid, 1):
        found.append(live(ttl_s))
        study.progress("times to live", number, len(grid), f"{ttl_s:g} s")
    untimed = 1 - float(outcomes(trace.ids, trace.objects, capacity)[warm_up:].mean())
    knee = _knee(found, untimed - WITHIN, live)
    return TtlSweep(trace, is_own, capacity, rate, change_s, untimed, tuple(found), knee, fills_at(rates, capacity))


def steps(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten from about `low` to `high`, both above 0; at least one."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    return [value for value in found if 0.999 * low <= value <= 1.001 * high] or [high]


def _demand(study: Study, skew: float, per_s: float, own: OwnTrace | None) -> tuple[Trace, int, bool]:
    if own is not None and own.trace.times is not None:
        duration = float(own.trace.times[-1] - own.trace.times[0])
        if duration > 0 and own.trace.requests - _warm_up(own.trace, duration) >= LEAST_JUDGED:
            return own.trace.counted(), own.capacity, True
    sizes = sizes_of(study)
    base = zipf_trace(sizes["requests"], sizes["objects"], skew, seed=study.seed)
    return with_arrivals(base, per_s, seed=study.seed), max(1, int(SIZE_SHARE * base.objects)), False


def _warm_up(trace: Trace, duration: float) -> int:
    assert trace.times is not None
    return int(np.searchsorted(trace.times, trace.times[0] + WARM_UP_SHARE * duration))


def _knee(found: list[Lifetime], wanted: float, live: Any) -> Lifetime | None:
    """Return the shortest time to live that hits `wanted`: the first of the grid, then halved on its logarithm."""
    first = next((i for i, one in enumerate(found) if one.seen.hit_ratio >= wanted), None)
    if first is None:
        return None
    high = found[first]
    low_s = found[first - 1].ttl_s if first else high.ttl_s
    for _ in range(HALVINGS if first else 0):
        middle: Lifetime = live(math.sqrt(low_s * high.ttl_s))
        if middle.seen.hit_ratio >= wanted:
            high = middle
        else:
            low_s = middle.ttl_s
    return high


def ttl_rows(sweep: TtlSweep) -> list[dict[str, Any]]:
    """Return one row per time to live, with what a second more gains and costs from there to the next one."""
    shown = sorted([*sweep.lifetimes, *([sweep.knee] if sweep.knee else [])], key=lambda one: one.ttl_s)
    shown = [one for i, one in enumerate(shown) if i == 0 or one.ttl_s > shown[i - 1].ttl_s]
    rows = []
    for one, later in zip(shown, [*shown[1:], None], strict=True):
        gains = costs = None
        if later is not None:
            second = 100 / (later.ttl_s - one.ttl_s)
            gains = float(f"{second * (later.seen.hit_ratio - one.seen.hit_ratio):.3g}")
            stale = (later.seen.stale - one.seen.stale) / one.seen.requests
            costs = float(f"{second * stale:.3g}")
        rows.append({
            "time to live (s)": float(f"{one.ttl_s:.2g}"), "hits (%)": round(100 * one.seen.hit_ratio, 2),
            "by formula": round(100 * one.formula, 2), "stale hits (%)": round(100 * one.seen.stale_share, 3),
            "at most, by formula": round(100 * one.stale_formula, 3),
            "stale by, mean (s)": float(f"{one.seen.mean_s:.3g}"),
            "stale by, p95 (s)": float(f"{one.seen.p95_s:.3g}"),
            "oldest answer (s)": float(f"{one.seen.oldest_s:.3g}"),
            "a second more: hits (points)": gains, "a second more: stale answers (points)": costs,
        })  # fmt: skip
    return rows


def curve_rows(sweep: TtlSweep) -> list[dict[str, Any]]:
    """Return the points for the figure."""
    return [
        {"ttl_s": one.ttl_s, "hits": one.seen.hit_ratio, "formula": one.formula, "current": one.seen.fresh_ratio,
         "stale": one.seen.stale_share, "stale_formula": one.stale_formula}
        for one in sweep.lifetimes
    ]  # fmt: skip


def ttl_checks(sweep: TtlSweep) -> tuple[TrustCheck, ...]:
    """Hold the simulation to the formulas: exact where the cache is not full, an upper bound everywhere.

    None for one's own trace, whose arrivals nobody promised to be Poisson.
    """
    if sweep.own:
        return ()
    above = max(one.seen.hit_ratio - one.formula for one in sweep.lifetimes)
    checks = [TrustCheck(name="hits under a time to live, above the formula", passed=above <= APART,
                         observed=f"{above:.4f}", limit=f"<= {APART:g}")]  # fmt: skip
    if not math.isnan(sweep.apart):
        checks.append(TrustCheck(name="hits under a time to live, cache not full: apart from the formula",
                                 passed=sweep.apart <= APART, observed=f"{sweep.apart:.4f}",
                                 limit=f"<= {APART:g}"))  # fmt: skip
    return tuple(checks)


def ttl_sentence(sweep: TtlSweep) -> str:
    """Say where another second gains less than it costs, what is stale there, and where the formula ends."""
    best, last = sweep.freshest, sweep.lifetimes[-1]
    longer = "" if best is last else "; from there on another second adds more stale answers than hits"
    told = [
        f"{sweep.trace.name}, {_short(sweep.per_s)} requests/s, {sweep.capacity:,} objects in the cache, each changed "
        f"at its source every {sweep.change_s:g} s on average: {_at_knee(sweep)}",
        f"Of the times simulated, {best.ttl_s:g} s answers most requests from the cache with what is still true "
        f"({100 * best.seen.fresh_ratio:.1f} %){longer}",
    ]
    if not sweep.own:
        told.append(_formula_told(sweep))
    return ". ".join(told) + "."


def _at_knee(sweep: TtlSweep) -> str:
    one = sweep.knee or sweep.lifetimes[-1]
    reached = f"{100 * one.seen.hit_ratio:.1f} of {100 * sweep.untimed:.1f} %"
    if sweep.knee is None:
        said = f"no time to live up to {one.ttl_s:g} s comes within a point of the hit ratio without one ({reached})"
    else:
        least = " or less" if one is sweep.lifetimes[0] else ""
        said = (
            f"{_short(one.ttl_s)} s{least} is the shortest time to live within a point of the hit ratio without one "
            f"({reached}, n = {one.seen.requests:,} requests after a warm-up)"
        )
    if not one.seen.stale:
        return said
    return (
        f"{said}; at {_short(one.ttl_s)} s {_short(100 * one.seen.stale_share)} % of the hits are stale, by "
        f"{_short(one.seen.mean_s)} s on average and {_short(one.seen.p95_s)} s at p95, and the oldest answer is "
        f"{_short(one.seen.oldest_s)} s old"
    )


def _formula_told(sweep: TtlSweep) -> str:
    last = sweep.lifetimes[-1]
    said = "The time to live counts from the load, hits do not renew it: the formula rate T / (1 + rate T) is "
    said += "an upper bound" if math.isnan(sweep.apart) else f"within {100 * sweep.apart:.1g} points of the simulation"
    if sweep.full_s is None:
        return said
    return (
        f"{said} while unexpired objects leave room, and only a bound from {_short(sweep.full_s)} s on, where they "
        f"fill the cache ({100 * (last.formula - last.seen.hit_ratio):.1f} points too high at {last.ttl_s:g} s)"
    )


def _short(value: float) -> str:
    """Return a number with two significant digits, in full."""
    return f"{float(f'{value:.2g}'):,g}"


def measured_mix_sentence() -> str:
    """Say by the formula what the time to live of the system measured here gives, if nothing were written."""
    rates = zipf_reads.PER_S * zipf_popularity(len(zipf_reads.PATHS), zipf_reads.SKEW)
    shares: NDArray[np.float64] = rates / rates.sum()

    def hits(ttl_s: float) -> float:
        return float(shares @ timed_hit_ratios(rates, ttl_s))

    now, wanted = hits(zipf_reads.TTL_S), 1 - WITHIN
    return (
        f"For the reads that the strategies below are measured with ({zipf_reads.PER_S:g} requests/s for {rates.size} "
        f"keys, all of which fit) the formula says {100 * now:.0f} % at the system's {zipf_reads.TTL_S:g} s and "
        f"{100 * wanted:.0f} % from {_short(rising_root(hits, wanted, 1.0))} s on, were nothing written."
    )


def conclude_ttl(study: Study, sweep: TtlSweep, figure: Evidence | None) -> Finding:
    """Return the finding on the time to live: simulated, and shown on the card of caching by time."""
    trust = ttl_checks(sweep)
    demand = "the formulas are for independent requests at the mean rates of the trace, which has bursts of its own"
    if not sweep.own:
        demand = "independent requests by Zipf's law at Poisson arrivals"
    caveats = ("every object changes at the same rate, and a load takes no time", demand)
    return observation(
        study, "ttl", trust, question="Which time to live, and how stale are its answers?", level="simulated",
        strategy=STRATEGY, claim=ttl_sentence(sweep), evidence=evidence(figure), caveats=caveats,
        details={"times to live": ttl_rows(sweep)},
    )  # fmt: skip
