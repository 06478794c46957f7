"""Times to live: formulas against simulations, simulations against a plain walk, bounds against any trace."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache.expiry import fills_at, stale_ages, stale_share, timed_hit_ratios
from perflab.cache.generators import with_arrivals, zipf_popularity, zipf_trace
from perflab.cache.oracle import ttl as plain
from perflab.cache.oracle.requests import requests_of
from perflab.cache.policies.registry import simulate
from perflab.cache.policies.ttl import loads
from perflab.cache.staleness import served
from perflab.cache.trace import Trace, dense_trace, trace_of
from perflab.errors import UsageError


@st.composite
def timed(draw: st.DrawFn) -> Trace:
    ids = draw(st.lists(st.integers(0, 8), min_size=1, max_size=100))
    gaps = draw(st.lists(st.floats(0, 3), min_size=len(ids), max_size=len(ids)))
    sizes = draw(st.none() | st.lists(st.integers(1, 9), min_size=len(ids), max_size=len(ids)))
    return trace_of("drawn", ids, sizes, np.cumsum(gaps))


@settings(max_examples=80, deadline=None)
@given(trace=timed(), capacity=st.integers(1, 30), ttl_s=st.floats(0.1, 10))
def test_an_answer_was_loaded_by_the_last_miss_of_its_object(trace: Trace, capacity: int, ttl_s: float) -> None:
    missed = plain.misses(requests_of(trace), capacity, ttl_s)
    last: dict[int, int] = {}
    for now, (key, miss) in enumerate(zip(trace.ids.tolist(), missed, strict=True)):
        last[key] = now if miss else last[key]
        missed[now] = last[key]  # type: ignore[call-overload]
    assert loads(trace, capacity, ttl_s).tolist() == missed


@settings(max_examples=80, deadline=None)
@given(trace=timed(), capacity=st.integers(1, 9), ttl_s=st.floats(0.1, 10))
def test_a_smaller_cache_under_a_time_to_live_never_misses_less(trace: Trace, capacity: int, ttl_s: float) -> None:
    counted = trace.counted()
    least = simulate("TTL", counted, counted.objects, ttl_s=ttl_s).missed
    assert simulate("TTL", counted, capacity, ttl_s=ttl_s).missed >= least


@pytest.mark.parametrize("ttl_s", [0.5, 5.0, 40.0])
def test_formulas_are_met_where_all_unexpired_objects_fit(ttl_s: float) -> None:
    trace = with_arrivals(zipf_trace(200_000, 2_000, 0.9, seed=4), 500.0, seed=5)
    popularity = zipf_popularity(2_000, 0.9)
    seen = served(trace, 2_000, ttl_s, 100.0, 80_000)
    assert seen.requests == 120_000 and seen.oldest_s < ttl_s
    assert seen.hit_ratio == pytest.approx(float(popularity @ timed_hit_ratios(500 * popularity, ttl_s)), abs=0.004)
    assert seen.stale_share == pytest.approx(stale_share(ttl_s, 100.0), rel=0.02)
    assert (seen.mean_s, seen.p95_s) == pytest.approx(stale_ages(ttl_s, 100.0), rel=0.02)


def test_a_full_cache_hits_less_and_shows_less_that_is_stale_than_the_formulas() -> None:
    trace = with_arrivals(zipf_trace(200_000, 2_000, 0.9, seed=4), 500.0, seed=5)
    popularity = zipf_popularity(2_000, 0.9)
    rates = 500 * popularity
    full_s = fills_at(rates, 100)
    assert float(timed_hit_ratios(rates, full_s).sum()) == pytest.approx(100)
    seen = served(trace, 100, 20 * full_s, 100.0, 80_000)
    assert seen.hit_ratio < float(popularity @ timed_hit_ratios(rates, 20 * full_s)) - 0.05
    assert seen.stale_share < stale_share(20 * full_s, 100.0)
    assert fills_at(rates, 2_000) == math.inf


def test_changes_drawn_object_by_object_average_to_what_is_expected() -> None:
    rng = np.random.default_rng(8)
    ids, times = rng.integers(0, 6, 400), np.sort(rng.uniform(0, 100, 400))
    trace = dense_trace("drawn", ids, 6, times=times)
    expected = served(trace, 4, 6.0, 9.0, 50)
    loaded = loads(trace, 4, 6.0)
    counts, ages = [], []
    for _ in range(1_500):
        changed = [np.cumsum(rng.exponential(9.0, 60)) for _ in range(6)]
        assert all(one[-1] > 100 for one in changed)
        stale = []
        for now in np.flatnonzero(loaded != np.arange(400)):
            changes = changed[ids[now]]
            first = changes[np.searchsorted(changes, times[loaded[now]])]
            stale += [times[now] - first] if now >= 50 and first < times[now] else []
        counts.append(len(stale))
        ages += stale
    assert expected.stale == pytest.approx(np.mean(counts), rel=0.02)
    assert expected.mean_s == pytest.approx(np.mean(ages), rel=0.02)
    assert expected.p95_s == pytest.approx(np.quantile(ages, 0.95), rel=0.02)
    assert expected.fresh_ratio == pytest.approx(expected.hit_ratio - expected.stale / 350)


def test_rare_changes_leave_a_third_of_the_time_to_live_and_the_series_joins_the_formula() -> None:
    mean, p95 = stale_ages(10.0, 1e9)
    assert mean == pytest.approx(10 / 3, rel=1e-6) and p95 == pytest.approx(10 * (1 - math.sqrt(0.05)), rel=1e-6)
    assert stale_share(10.0, 1e9) == pytest.approx(5e-9, rel=1e-6)
    below, above = (stale_ages(ttl_s, 1.0) for ttl_s in (0.999_999e-3, 1.000_001e-3))
    assert below == pytest.approx(above, rel=1e-5)
    assert stale_share(1e9, 1.0) == pytest.approx(1, abs=1e-6)


def test_what_came_before_is_not_judged_and_nothing_is_stale_where_nothing_hits() -> None:
    trace = dense_trace("few", [0, 0, 0, 1, 0], 2, times=[0.0, 1.0, 2.0, 9.0, 9.5])
    seen = served(trace, 2, 5.0, 4.0, 1)
    assert (seen.requests, seen.hits, seen.oldest_s) == (4, 2, 2.0)
    assert seen.stale == pytest.approx(2 - math.exp(-0.25) - math.exp(-0.5))
    none = served(trace, 2, 0.5, 4.0, 0)
    assert (none.hits, none.stale, none.stale_share, none.p95_s) == (0, 0.0, 0.0, 0.0)
    together = served(dense_trace("at once", [0, 0], 1, times=[1.0, 1.0]), 1, 5.0, 4.0, 0)
    assert (together.hits, together.stale, together.mean_s) == (1, 0.0, 0.0)


def test_what_is_no_time_to_live_is_one_clear_line() -> None:
    trace = dense_trace("one", [0], 1, times=[0.0])
    wrong = [
        lambda: timed_hit_ratios(np.array([1.0]), 0.0),
        lambda: timed_hit_ratios(np.array([-1.0]), 1.0),
        lambda: timed_hit_ratios(np.array([]), 1.0),
        lambda: fills_at(np.array([0.0]), 1),
        lambda: fills_at(np.array([1.0]), 0),
        lambda: stale_share(1.0, math.inf),
        lambda: stale_ages(1.0, 1.0, share=1.0),
        lambda: served(trace, 1, 1.0, 1.0, 1),
        lambda: served(trace, 1, 1.0, 0.0, 0),
        lambda: served(trace, 1, 0.0, 1.0, 0),
        lambda: loads(trace.counted(), 0, 1.0),
        lambda: loads(dense_trace("untimed", [0], 1), 1, 1.0),
        lambda: with_arrivals(trace, 0.0, seed=1),
        lambda: with_arrivals(trace, math.nan, seed=1),
    ]
    for call in wrong:
        with pytest.raises(UsageError) as raised:
            call()
        assert "\n" not in str(raised.value) and len(str(raised.value)) > 20
