"""Every policy against its plain twin and against what must hold of any cache."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache.oracle.belady import fewest
from perflab.cache.oracle.requests import requests_of
from perflab.cache.policies.registry import policies, simulate, warmed
from perflab.cache.trace import Trace, dense_trace, trace_of
from perflab.errors import UsageError

TTL_S = 5.0
ALL = sorted(policies())
ids_of = st.lists(st.integers(0, 12), min_size=1, max_size=120)


@st.composite
def traces(draw: Any) -> Trace:
    """Traces with and without sizes, their ids far apart, with a time for every request."""
    ids = draw(ids_of)
    sizes = draw(st.none() | st.lists(st.integers(1, 9), min_size=len(ids), max_size=len(ids)))
    gaps = draw(st.lists(st.floats(0, 3), min_size=len(ids), max_size=len(ids)))
    return trace_of("drawn", [i * 2**40 + 3 for i in ids], sizes, np.cumsum(gaps))


def twin(name: str) -> Any:
    return import_module(policies()[name].__name__.replace(".policies.", ".oracle."))  # type: ignore[attr-defined]


def test_zoo_is_complete() -> None:
    assert set(ALL) == {"FIFO", "LRU", "CLOCK", "LFU", "SIEVE", "S3-FIFO", "W-TinyLFU", "TTL", "Belady"}


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None)
@given(trace=traces(), capacity=st.integers(1, 40))
def test_policy_misses_what_its_plain_twin_misses(name: str, trace: Trace, capacity: int) -> None:
    requests = requests_of(trace)
    wanted = twin(name).misses(requests, capacity, TTL_S)
    found = simulate(name, trace, capacity, ttl_s=TTL_S)
    assert found.missed == sum(wanted)
    assert found.missed_bytes == sum(r.size for r, missed in zip(requests, wanted, strict=True) if missed)


@pytest.mark.parametrize("name", ALL)
def test_policy_equals_its_twin_on_a_skewed_trace_with_scans(name: str) -> None:
    rng = np.random.default_rng(5)
    ids = np.concatenate(
        [(60 * rng.random(300) ** 3).astype(int), np.arange(60, 110), (60 * rng.random(300) ** 3).astype(int)]
    )
    trace = trace_of("skewed", ids, times=np.arange(ids.size) / 10)
    for capacity in (1, 2, 9, 10, 21, 100, 150):
        wanted = sum(twin(name).misses(requests_of(trace), capacity, TTL_S))
        assert simulate(name, trace, capacity, ttl_s=TTL_S).missed == wanted, capacity


@settings(max_examples=60, deadline=None)
@given(ids=st.lists(st.integers(0, 5), min_size=1, max_size=12), capacity=st.integers(1, 4))
def test_belady_is_the_fewest_that_any_rule_can_miss(ids: list[int], capacity: int) -> None:
    assert simulate("Belady", trace_of("drawn", ids), capacity).missed == fewest(ids, capacity)


@settings(max_examples=60, deadline=None)
@given(ids=ids_of, capacity=st.integers(1, 15))
def test_no_policy_beats_the_optimum_and_a_large_cache_misses_first_requests_only(
    ids: list[int], capacity: int
) -> None:
    trace = trace_of("drawn", ids, times=[0.0] * len(ids))
    least = simulate("Belady", trace, capacity).missed
    for name in ALL:
        assert simulate(name, trace, capacity, ttl_s=1.0).missed >= least
        if name not in ("S3-FIFO", "W-TinyLFU"):
            assert simulate(name, trace, 13, ttl_s=1.0).missed == len(set(ids))


def test_objects_that_do_not_fit_pass_by_and_evict_nothing() -> None:
    trace = dense_trace("hostile", [0, 1, 0, 1, 0], 2, sizes=[3, 2**40, 3, 2**40, 3])
    for name in ("FIFO", "LRU", "CLOCK", "LFU", "SIEVE", "Belady"):
        found = simulate(name, trace, 5)
        assert (found.missed, found.missed_bytes) == (3, 3 + 2 * 2**40), name
    assert found.byte_ratio == pytest.approx(1.0) and found.hit_ratio == pytest.approx(0.4)


def test_warm_up_is_left_out() -> None:
    trace = dense_trace("round", [0, 1, 2] * 10, 3)
    assert warmed("LRU", trace, 3, 3).missed == 0
    assert warmed("LRU", trace, 2, 3).missed == 27
    with pytest.raises(UsageError, match="warm-up of 30 requests"):
        warmed("LRU", trace, 3, 30)
    with pytest.raises(UsageError, match="Belady after a warm-up"):
        warmed("Belady", trace, 3, 3)


def test_a_sketch_laid_out_by_the_mean_size_of_the_whole_trace_is_not_judged_after_a_warm_up() -> None:
    from perflab.cache.policies.w_tinylfu import expected_objects

    sized = dense_trace("sized", [0, 1, 2] * 10, 3, sizes=[1] * 15 + [9] * 15)
    assert expected_objects(sized, 10) != expected_objects(sized.head(15), 10)  # two sketches, so two policies
    with pytest.raises(UsageError, match="W-TinyLFU after a warm-up on a trace with sizes"):
        warmed("W-TinyLFU", sized, 10, 15)
    assert warmed("W-TinyLFU", sized.counted(), 3, 15).requests == 15


@pytest.mark.parametrize("capacity", [0, -1, True, 2.5, 2**61])
def test_a_capacity_that_is_none_is_one_clear_line(capacity: Any) -> None:
    with pytest.raises(UsageError, match="whole number of at least 1") as told:
        simulate("LRU", dense_trace("one", [0], 1), capacity)
    assert "\n" not in str(told.value)


def test_unknown_policy_and_missing_times_are_told() -> None:
    trace = dense_trace("one", [0], 1)
    with pytest.raises(UsageError, match=r"No policy 'MRU'.*SIEVE"):
        simulate("MRU", trace, 1)
    with pytest.raises(UsageError, match="has no times"):
        simulate("TTL", trace, 1, ttl_s=1.0)
    timed = dense_trace("one", [0], 1, times=[0.0])
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="time to live"):
            simulate("TTL", timed, 1, ttl_s=wrong)


@pytest.mark.parametrize("name", ["FIFO", "LRU", "CLOCK", "SIEVE"])
def test_sizes_are_counted_as_libcachesim_counts_them(name: str, tmp_path: Any) -> None:
    from perflab.benches.cache.peer import installed, process, write_trace

    if not installed():
        pytest.skip("libcachesim is not installed: pip install libcachesim")
    rng = np.random.default_rng(3)
    ids = (400 * rng.random(20_000) ** 3).astype(np.int64)
    own = rng.integers(1, 2_000, 400)  # one size per object
    trace = trace_of("sized", ids, own[ids])
    file = tmp_path / "sized.oracleGeneral"
    write_trace(file, trace)
    assert simulate(name, trace, 40_000).missed == process(name, file, trace.requests, 40_000, by_size=True)
