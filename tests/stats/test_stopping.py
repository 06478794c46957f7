"""The adaptive stop: when it looks, what it looks at, and that looking does not spend the level."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.benches.stats.noises import NOISES
from perflab.benches.stats.stopping import MIDDLE, peeking, simulate
from perflab.errors import StatisticError
from perflab.stats.signed_rank import hodges_lehmann
from perflab.stats.stopping import StopRule, decide

RULE = StopRule(target=0.02)


def test_looks_are_geometric():
    looks, n = [], 0
    while n < 60:
        n = RULE.next_look(n)
        looks.append(n)
    assert looks == [15, 19, 24, 30, 38, 48, 60]
    assert [n for n in range(40) if RULE.is_look(n)] == [15, 19, 24, 30, 38]
    assert StopRule(0.02, first=10).next_look(0) == 10


@settings(max_examples=50, deadline=None)
@given(st.integers(6, 40), st.floats(1.01, 3), st.integers(0, 300))
def test_every_look_lies_ahead_and_none_beyond_the_last(first, growth, n):
    rule = StopRule(0.01, first=first, growth=growth, most=250)
    assert rule.next_look(n) == 250 if n >= 250 else n < rule.next_look(n) <= 250


def test_it_stops_when_narrow_and_only_at_a_look():
    rng = np.random.default_rng(1)
    narrow = 0.5 + rng.normal(0, 0.01, 40)
    assert decide(RULE, narrow[:15]).why == "precise"
    assert not decide(RULE, narrow[:14]).stop and not decide(RULE, narrow[:16]).stop
    assert decide(RULE, narrow[:19]).pairs_needed == 0


def test_a_large_effect_does_not_stop_it():
    """Significance is never looked at: a wide interval goes on however far from zero it lies."""
    wide = 5 + np.random.default_rng(2).normal(0, 0.3, 15)
    said = decide(RULE, wide)
    assert hodges_lehmann(wide).excludes(0.0) and not said.stop and said.pairs_needed > 100


def test_time_up_says_how_many_more_pairs():
    steps = np.random.default_rng(3).normal(0, 0.05, 12)
    said = decide(RULE, steps, out_of_time=True)
    assert said.stop and said.why == "out of time"
    half = hodges_lehmann(steps).half_width
    assert said.pairs_needed == math.ceil(12 * (half / 0.02) ** 2) - 12
    assert f"about {said.pairs_needed} more needed" in said.sentence and "12 pairs" in said.sentence
    assert not decide(RULE, steps[:5], out_of_time=True).stop  # no interval exists yet


def test_the_widest_arm_decides():
    rng = np.random.default_rng(4)
    narrow, wide = rng.normal(0, 0.01, 15), rng.normal(0, 0.2, 15)
    assert decide(RULE, narrow).stop and not decide(RULE, narrow, wide).stop
    assert decide(RULE, narrow, wide).half_width == decide(RULE, wide).half_width


@pytest.mark.parametrize("tied", [[0.0] * 15, [0.1] * 15, [0.0] * 14 + [0.5]])
def test_a_width_of_zero_is_the_resolution_and_not_precise(tied):
    said = decide(RULE, tied)
    assert said.why == "not yet" and said.half_width == 0
    narrow = np.random.default_rng(1).normal(0, 0.001, 15)
    assert decide(RULE, narrow).stop and not decide(RULE, narrow, tied).stop
    late = decide(RULE, tied, out_of_time=True)
    assert late.why == "out of time" and "too many values are equal" in late.sentence


@pytest.mark.parametrize(("family", "least"), [(1, 6), (5, 8), (12, 9)])
def test_time_is_not_up_before_anything_could_be_confirmed(family, least):
    rule, steps = StopRule(1e-6, family=family), np.random.default_rng(6).normal(size=least)
    assert not decide(rule, steps[:-1], out_of_time=True).stop
    assert decide(rule, steps, out_of_time=True).why == "out of time"
    assert StopRule(1e-6, first=6, most=6, family=family).least == 6


def test_the_most_is_the_end():
    rule = StopRule(1e-6, first=15, most=20)
    assert decide(rule, np.random.default_rng(5).normal(size=20)).why == "most pairs"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: StopRule(0), "`target`"),
        (lambda: StopRule(math.nan), "`target`"),
        (lambda: StopRule(0.02, first=5), "`first`"),
        (lambda: StopRule(0.02, first=30, most=20), "`most`"),
        (lambda: StopRule(0.02, growth=1.0), "`growth`"),
        (lambda: StopRule(0.02, family=0), "`family`"),
        (lambda: decide(RULE), "no series"),
        (lambda: decide(RULE, [0.1] * 15, [0.1] * 14), "unequal"),
        (lambda: decide(RULE, [math.nan] * 15), "NaN"),
    ],
)
def test_a_rule_that_cannot_decide_is_refused(make, said):
    with pytest.raises(StatisticError, match=said):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_the_level_survives_the_looks(noise):
    hits, pairs = simulate(np.random.default_rng(70), NOISES[noise], 0.05, 600)
    assert 0.92 <= hits.mean() <= 0.98 and pairs.max() > 15


def test_peeking_until_significant_does_not_keep_it():
    assert peeking(np.random.default_rng(8), NOISES["normal"], runs=150) > 0.15


def test_the_middle_case_of_the_bench_often_goes_on_after_the_first_look():
    for draw in NOISES.values():
        _, pairs = simulate(np.random.default_rng(1), draw, MIDDLE, 100)
        assert (pairs > RULE.first).mean() > 0.10 and len(set(pairs.tolist())) >= 3
