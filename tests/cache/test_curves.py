"""The exact curve, the approximation, the models of levels and of stampedes: each against something plainer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import stampede as model
from perflab.cache.che import che_capacity, che_hit_ratio, ideal_capacity
from perflab.cache.generators import scan_trace, scanned_trace, zipf_popularity, zipf_trace
from perflab.cache.levels import _routed, two_levels
from perflab.cache.oracle.levels import answered
from perflab.cache.oracle.stampede import told
from perflab.cache.policies.registry import simulate, warmed
from perflab.cache.stack_distance import stack_distances
from perflab.cache.trace import trace_of
from perflab.errors import UsageError


@settings(max_examples=80, deadline=None)
@given(ids=st.lists(st.integers(0, 30), min_size=1, max_size=600))
def test_curve_equals_a_simulation_at_every_size(ids: list[int]) -> None:
    trace = trace_of("drawn", ids)
    curve = stack_distances(trace)
    assert curve.requests == len(ids) and curve.first == len(set(ids))
    for capacity in range(1, trace.objects + 2):
        assert curve.missed(capacity) == simulate("LRU", trace, capacity).missed


def test_curve_over_many_blocks_equals_simulations_and_tells_sizes() -> None:
    trace = zipf_trace(60_000, 5_000, 0.9, seed=3)
    curve = stack_distances(trace)
    sizes = (1, 2, 5, 10, 50, 100, 255, 256, 257, 1_000, 2_500, 5_000)
    assert [curve.missed(c) for c in sizes] == [simulate("LRU", trace, c).missed for c in sizes]
    enough = curve.capacity_for(0.5)
    assert enough is not None
    assert curve.misses(enough).hit_ratio >= 0.5 > curve.misses(enough - 1).hit_ratio
    assert curve.capacity_for(0.9999) is None  # first requests always miss


def test_scan_defeats_lru_until_everything_fits() -> None:
    trace = scan_trace(1_000, 100)
    assert simulate("LRU", trace, 99).missed == 1_000
    assert simulate("LRU", trace, 100).missed == 100
    mixed = scanned_trace(zipf_trace(3_000, 500, 1.0, seed=1), 1_000, 200)
    assert mixed.requests == 3_600 and mixed.objects == 1_100
    assert simulate("SIEVE", mixed, 50).missed < simulate("LRU", mixed, 50).missed


@pytest.mark.parametrize(("alpha", "capacity"), [(0.0, 500), (0.8, 100), (1.0, 1_000), (1.2, 300)])
def test_che_is_near_a_long_simulation(alpha: float, capacity: int) -> None:
    popularity = zipf_popularity(5_000, alpha)
    trace = zipf_trace(1_200_000, 5_000, alpha, seed=2)
    assert abs(che_hit_ratio(popularity, capacity) - warmed("LRU", trace, capacity, 200_000).hit_ratio) < 0.002


@pytest.mark.parametrize(("alpha", "capacity"), [(0.0, 2_000), (0.8, 100), (1.0, 1_500), (1.0, 5_000), (1.2, 5_001)])
def test_che_from_an_empty_cache_is_near_a_short_simulation(alpha: float, capacity: int) -> None:
    trace = zipf_trace(30_000, 5_000, alpha, seed=2)
    seen = simulate("LRU", trace, capacity).hit_ratio
    popularity = zipf_popularity(5_000, alpha)
    assert abs(che_hit_ratio(popularity, capacity, 30_000) - seen) < 0.006
    assert che_hit_ratio(popularity, capacity) >= seen - 0.006
    assert che_hit_ratio(popularity, capacity, 10**9) == pytest.approx(che_hit_ratio(popularity, capacity), abs=1e-4)


def test_che_and_its_inverse_agree_and_the_ideal_needs_less() -> None:
    popularity = zipf_popularity(20_000, 0.9)
    for ratio in (0.1, 0.5, 0.9, 0.99):
        capacity = che_capacity(popularity, ratio)
        assert (
            che_hit_ratio(popularity, capacity) >= ratio - 1e-9 > che_hit_ratio(popularity, max(1, capacity - 2)) - 1e-3
        )
        assert ideal_capacity(popularity, ratio) < capacity
    assert che_hit_ratio(popularity, 20_000) == 1.0
    assert ideal_capacity(np.full(10, 0.1), 0.35) == 4


def test_zipf_draws_what_the_law_says_and_repeats() -> None:
    trace = zipf_trace(400_000, 50, 1.0, seed=9)
    shares = np.sort(np.bincount(trace.ids, minlength=50))[::-1] / trace.requests
    np.testing.assert_allclose(shares, zipf_popularity(50, 1.0), atol=0.003)
    assert (zipf_trace(1_000, 50, 1.0, seed=9).ids == zipf_trace(1_000, 50, 1.0, seed=9).ids).all()
    assert (zipf_trace(1_000, 50, 1.0, seed=9).ids != zipf_trace(1_000, 50, 1.0, seed=8).ids).any()


@settings(max_examples=40, deadline=None)
@given(ids=st.lists(st.integers(0, 20), min_size=1, max_size=200), pods=st.integers(1, 4), l1=st.integers(1, 6),
       l2=st.integers(1, 25), by_key=st.booleans())  # fmt: skip
def test_levels_answer_what_dictionaries_answer(ids: list[int], pods: int, l1: int, l2: int, by_key: bool) -> None:
    trace, routing = trace_of("drawn", ids), "by key" if by_key else "random"
    found = two_levels(trace, pods, l1, l2, routing, seed=4)  # type: ignore[arg-type]
    pod = _routed(trace, pods, routing, 4).tolist()  # type: ignore[arg-type]
    assert (found.l1, found.l2, found.missed) == answered(trace.ids.tolist(), pod, l1, l2)


def test_first_level_saves_time_but_hardly_a_fetch() -> None:
    trace = zipf_trace(200_000, 20_000, 1.0, seed=6)
    without, with_l1 = two_levels(trace, 8, 0, 4_000, seed=1), two_levels(trace, 8, 200, 4_000, seed=1)
    by_key = two_levels(trace, 8, 200, 4_000, "by key", seed=1)
    assert without.l1 == 0 and with_l1.l1_ratio > 0.3 and by_key.l1_ratio > with_l1.l1_ratio
    assert abs(with_l1.hit_ratio - without.hit_ratio) < 0.01
    assert with_l1.mean_us(0.1, 200, 5_000) < without.mean_us(0.1, 200, 5_000)
    assert without.mean_us(0, 1, 0) == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(st.floats(0.001, 1.5), min_size=1, max_size=80),
       leads=st.lists(st.floats(0, 4), min_size=80, max_size=80),
       strategy=st.sampled_from(model.STRATEGIES))  # fmt: skip
def test_stampede_is_told_alike_by_the_plain_way(gaps: list[float], leads: list[float], strategy: str) -> None:
    arrivals, ahead = np.cumsum(gaps), np.array(leads[: len(gaps)])
    found = model.run(arrivals, ahead, 3.0, 0.7, model.STRATEGIES.index(strategy))
    wanted = told(arrivals.tolist(), ahead.tolist(), 3.0, 0.7, strategy)
    assert (found[1], found[2], found[4]) == (wanted["recomputes"], wanted["waited"], wanted["stale"])
    assert found[3] == pytest.approx(wanted["waited_s"])


def test_stampede_has_the_size_that_arithmetic_gives() -> None:
    demand = model.Demand(rate=1_000, ttl_s=30, recompute_s=0.5, length_s=3_000)
    naive, single, early, stale = (model.stampede(s, demand, seed=1) for s in model.STRATEGIES)
    assert naive.per_renewal == pytest.approx(501, rel=0.02) and naive.at_once > 450
    assert single.per_renewal == 1 and single.waiting_per_renewal == pytest.approx(501, rel=0.02)
    assert early.per_renewal == pytest.approx(math.e, rel=0.25)
    assert stale.recomputes == stale.renewals and stale.waited == 0 and stale.stale > 400 * stale.renewals


def test_what_no_model_can_mean_is_one_clear_line() -> None:
    trace = trace_of("one", [1])
    wrong = [
        lambda: zipf_trace(10, 0, 1.0, seed=1),
        lambda: zipf_trace(0, 10, 1.0, seed=1),
        lambda: zipf_popularity(10, float("nan")),
        lambda: scan_trace(0, 1),
        lambda: scanned_trace(trace, 0, 5),
        lambda: che_hit_ratio(np.array([0.5, 0.6]), 1),
        lambda: che_hit_ratio(np.array([]), 1),
        lambda: che_hit_ratio(np.array([1.0]), 0),
        lambda: che_hit_ratio(np.array([0.5, 0.5]), 1, 0),
        lambda: che_capacity(np.array([1.0]), 1.0),
        lambda: two_levels(trace, 0, 1, 1, seed=1),
        lambda: two_levels(trace, 1, 1, 0, seed=1),
        lambda: stack_distances(trace).missed(0),
        lambda: model.stampede("hope", model.Demand(), seed=1),
        lambda: model.stampede("naive", model.Demand(rate=0), seed=1),
        lambda: model.stampede("naive", model.Demand(length_s=math.inf), seed=1),
    ]
    for call in wrong:
        with pytest.raises(UsageError) as raised:
            call()
        assert "\n" not in str(raised.value) and len(str(raised.value)) > 20
