"""Many comparisons, schedule and rates."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from perflab.errors import StatisticError
from perflab.stats.multiple import benjamini_hochberg, holm
from perflab.stats.proportion import clopper_pearson, more_often
from perflab.stats.schedule import balanced_blocks, block_seed

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(max_examples=80, deadline=None)
@given(P_VALUES)
def test_adjusted_p_values_agree_with_the_oracle(p):
    found = benjamini_hochberg(p)
    assert found.p == pytest.approx(tuple(oracle.false_discovery_control(p)), abs=1e-12)
    family = holm(p)
    assert all(h >= raw - 1e-12 for h, raw in zip(family.p, p, strict=True))
    assert all(b for b, h in zip(benjamini_hochberg(p, 0.05).rejected, family.rejected, strict=True) if h)


def test_holm_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]).p == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.01, 0.04, 0.03, 0.005]).rejected == (True, False, False, True)
    with pytest.raises(StatisticError, match="`p`"):
        holm([0.1, 1.2])


def test_twenty_null_strategies_rarely_yield_a_win():
    rng = np.random.default_rng(9)
    studies = rng.random((2000, 20))
    wins = sum(any(holm(p).rejected) for p in studies) / 2000
    assert 0.03 <= wins <= 0.07
    assert (studies < 0.05).any(axis=1).mean() > 0.5


def test_blocks_are_complete_mirrored_and_repeatable():
    arms = ["A", "A'", "B1", "B2"]
    blocks = balanced_blocks(arms, 7, seed=3)
    assert len(blocks) == 7 and all(Counter(block) == Counter(arms) for block in blocks)
    assert all(blocks[i + 1] == tuple(reversed(blocks[i])) for i in (0, 2, 4))
    assert blocks == balanced_blocks(arms, 7, seed=3) != balanced_blocks(arms, 7, seed=4)
    position = {arm: sum(block.index(arm) for block in blocks[:6]) for arm in arms}
    assert len(set(position.values())) == 1  # linear drift favours no arm


def test_order_is_random_over_pairs():
    firsts = Counter(block[0] for seed in range(200) for block in balanced_blocks(["A", "B"], 1, seed))
    assert 70 < firsts["A"] < 130


@pytest.mark.parametrize(("arms", "count"), [(["A"], 3), (["A", "A"], 3), (["A", "B"], 0)])
def test_impossible_schedules(arms, count):
    with pytest.raises(StatisticError):
        balanced_blocks(arms, count, 1)


def test_work_is_common_to_a_block_and_new_in_the_next():
    assert block_seed(7, 0) == block_seed(7, 0) != block_seed(7, 1)
    assert block_seed(7, 0) != block_seed(8, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_rate_interval_holds_the_rate(case):
    events, n = case
    found = clopper_pearson(events, n)
    assert 0 <= found.low <= events / n <= found.high <= 1
    if 0 < events < n:
        theirs = oracle.binomtest(events, n).proportion_ci(0.95, "exact")
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize(("n", "least"), [(1, 0.95), (10, 0.926), (20, 0.934), (50, 0.942)])
def test_rate_interval_covers_what_its_docstring_says_at_every_rate(n, least):
    bounds = [clopper_pearson(events, n) for events in range(n + 1)]
    rates = np.linspace(0.005, 0.995, 199)
    chance = [oracle.binom.pmf(np.arange(n + 1), n, rate) for rate in rates]
    held = [np.array([b.low <= rate <= b.high for b in bounds]) for rate in rates]
    covered = min(float(c[h].sum()) for c, h in zip(chance, held, strict=True))
    assert least <= covered + 1e-12 <= least + 0.01


def test_no_error_in_three_thousand():
    assert clopper_pearson(0, 3000).high == pytest.approx(0.001, rel=0.01)
    assert clopper_pearson(0, 298).high > 0.01 >= clopper_pearson(0, 299).high


@pytest.mark.parametrize(("events", "n"), [(0, 0), (-1, 5), (6, 5), (0, -2)])
def test_impossible_rates(events, n):
    with pytest.raises(StatisticError):
        clopper_pearson(events, n)


def test_fishers_test_is_scipys_and_one_sided():
    from scipy.stats import fisher_exact

    for a, n, b, m in ((0, 200, 20, 200), (5, 40, 9, 30), (9, 30, 5, 40), (0, 5, 0, 5), (630, 700, 0, 700)):
        table = [[b, m - b], [a, n - a]]
        assert more_often(a, n, b, m) == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-9)
    for bad in ((0, 0, 1, 2), (3, 2, 0, 2), (0, 2, -1, 2)):
        with pytest.raises(StatisticError):
            more_often(*bad)
