"""The paired comparison: its estimate, its interval, its six verdicts, and what it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as oracle

from perflab.errors import StatisticError
from perflab.stats.compare import compare_differences, compare_paired
from perflab.stats.signed_rank import fewest_pairs, hodges_lehmann, rank_sum_cdf, signed_rank_p, tail

STEPS = hnp.arrays(np.float64, st.integers(6, 40), elements=st.floats(-2, 2).map(lambda v: round(v, 4)), unique=True)


@pytest.mark.parametrize("n", [3, 6, 10, 25])
def test_rank_distribution_counts_subsets(n):
    rng = np.random.default_rng(n)
    cdf = rank_sum_cdf(n)
    assert cdf[0] == pytest.approx(0.5**n) and cdf[-1] == pytest.approx(1.0)
    sample = rng.normal(size=n) + 0.4
    assert signed_rank_p(sample) == pytest.approx(oracle.wilcoxon(sample, method="exact").pvalue, rel=1e-9)


def test_normal_tail_meets_the_exact_one_where_it_takes_over():
    exact = rank_sum_cdf(300)
    for t in (18_000, 19_500, 21_000, 22_575):
        n = 301
        assert tail(n, int(t * n * (n + 1) / (300 * 301))) == pytest.approx(float(exact[t]), abs=2e-3)


def test_six_pairs_give_min_to_max_at_96_9_percent():
    steps = [0.1, -0.02, 0.05, 0.07, 0.01, 0.03]
    found = hodges_lehmann(steps)
    assert (found.low, found.high) == (min(steps), max(steps))
    assert found.confidence == pytest.approx(1 - 2 / 64)
    assert found.n == 6


def test_known_interval_of_a_textbook_table():
    """Depression scale of nine patients (Hollander and Wolfe, table 3.1): estimate -0.46, interval (-0.786, -0.010)."""
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = hodges_lehmann(np.subtract(after, before))
    assert found.value == pytest.approx(-0.46, abs=5e-4)
    assert found.low == pytest.approx(-0.786, abs=5e-4)
    assert found.high == pytest.approx(-0.010, abs=5e-4)


def test_too_few_pairs_are_refused_not_judged():
    assert fewest_pairs(0.95) == 6 and fewest_pairs(0.90) == 5 and fewest_pairs(0.99) == 8
    with pytest.raises(StatisticError, match="at least 6"):
        hodges_lehmann([0.1, 0.2, 0.3, 0.4, 0.5])


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_interval_holds_the_estimate_and_mirrors(steps):
    found, mirrored = hodges_lehmann(steps), hodges_lehmann(-steps)
    assert found.low <= found.value <= found.high
    assert mirrored.value == pytest.approx(-found.value, abs=1e-12)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_p_value_is_the_dual_of_the_interval(steps):
    assert hodges_lehmann(steps).excludes(0.0) == (signed_rank_p(steps) <= 0.05)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.floats(0.01, 0.3))
def test_swapping_the_arms_inverts_the_comparison(steps, margin):
    base = np.full(steps.size, 100.0)
    there = compare_paired(base, base * np.exp(steps), lower_is_better=True, margin=margin)
    back = compare_paired(base * np.exp(steps), base, lower_is_better=True, margin=margin)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there.low == pytest.approx(1 / back.high)
    opposite = {"better": "worse", "worse": "better"}
    assert back.verdict == opposite.get(there.verdict, there.verdict)


def arms(effect, n=20, sd=0.01, seed=1):
    rng = np.random.default_rng(seed)
    drift = np.exp(rng.normal(0, 0.3, n))  # what the blocks share, and pairing removes
    noise = rng.normal(0, sd, (3, n))
    return 50 * drift * np.exp(noise[0]), 50 * effect * drift * np.exp(noise[1]), 50 * drift * np.exp(noise[2])


@pytest.mark.parametrize(
    ("effect", "lower_is_better", "sd", "verdict"),
    [
        (0.80, True, 0.01, "better"),
        (0.80, False, 0.01, "worse"),
        (1.30, True, 0.01, "worse"),
        (1.00, True, 0.01, "equivalent"),
        (1.02, True, 0.01, "trivial"),
        (1.00, True, 0.40, "inconclusive"),
    ],
)
def test_each_verdict_where_it_belongs(effect, lower_is_better, sd, verdict):
    baseline, candidate, null = arms(effect, sd=sd, seed=5)
    found = compare_paired(baseline, candidate, lower_is_better=lower_is_better, margin=0.05, null_arm=null)
    assert found.verdict == verdict
    assert found.explanation.endswith(".") and "20 pairs" in found.explanation


def test_inconclusive_says_what_it_could_have_seen_and_what_it_takes():
    baseline, candidate, _ = arms(1.0, n=12, sd=0.10, seed=3)
    found = compare_paired(baseline, candidate, lower_is_better=True, margin=0.03)
    assert found.verdict == "inconclusive"
    assert found.smallest_effect > 0.03 and found.pairs_needed > 50
    assert "could only have shown" in found.explanation and str(found.pairs_needed) in found.explanation


def test_smallest_effect_agrees_with_the_power_formula():
    """Pairs ~ 1.05 ((2.80 sd) / ln(1 + d))^2: with sd 2 % and 36 pairs that is 0.95 %, here within a third."""
    found = [compare_paired(*arms(1.0, n=36, sd=0.02 / math.sqrt(2), seed=s)[:2], lower_is_better=True, margin=0.05)
             for s in range(20)]  # fmt: skip
    expected = math.expm1(2.80 * 0.02 * math.sqrt(1.05 / 36))
    assert np.median([f.smallest_effect for f in found]) == pytest.approx(expected, rel=0.33)


def test_failing_null_arm_takes_every_verdict_away():
    baseline, candidate, null = arms(0.7)
    for shift in (0.8, 1.25):
        found = compare_paired(baseline, candidate, lower_is_better=True, margin=0.05, null_arm=null * shift)
        assert found.verdict == "untrusted"
        assert "two identical arms" in found.explanation
    assert compare_paired(baseline, candidate, lower_is_better=True, margin=0.05, null_arm=null).verdict == "better"
    assert compare_paired(baseline, candidate, lower_is_better=True, margin=0.05, null_arm=baseline).verdict == "better"


def test_differences_work_with_zeros_and_keep_the_unit():
    rng = np.random.default_rng(2)
    base = np.abs(rng.normal(0, 0.5, 16)) * (rng.random(16) > 0.3)
    found = compare_differences(base, base + 40 + rng.normal(0, 0.5, 16), lower_is_better=True, margin=2.0, unit="ms")
    assert found.verdict == "worse" and found.beyond_margin
    assert found.difference == pytest.approx(40, abs=1)
    assert "ms" in found.explanation
    with pytest.raises(StatisticError, match="ratio"):
        _ = found.ratio


@pytest.mark.parametrize(
    ("baseline", "candidate", "message"),
    [
        ([], [], "`baseline` holds 0 values"),
        ([1, 2, 3, 4, 5, math.nan], [1, 2, 3, 4, 5, 6], "`baseline` holds NaN or infinite values (1 of 6)"),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, math.inf, 5, 6], "`candidate`"),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, 0, 5, 6], "`candidate` holds values of zero or below (1 of 6, lowest 0)"),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3], "as many of each"),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], "constant"),
        ([1, 2, 3, 4, 5], [2, 3, 4, 4, 5], "at least 6"),
        (["a"] * 6, [1] * 6, "not numeric"),
        ([[1, 2], [3, 4]], [1, 2], "2 dimensions"),
    ],
)
def test_bad_input_is_an_error_that_names_the_argument(baseline, candidate, message):
    with pytest.raises(StatisticError) as caught:
        compare_paired(baseline, candidate, lower_is_better=True, margin=0.05)
    assert message in str(caught.value)


@pytest.mark.parametrize("margin", [0, -0.1, math.nan, math.inf])
def test_margin_must_be_positive(margin):
    with pytest.raises(StatisticError, match="`margin`"):
        compare_paired([1, 2, 3, 4, 5, 6], [2, 2, 3, 4, 5, 7], lower_is_better=True, margin=margin)


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["normal", "t3", "spiky"])
@pytest.mark.parametrize("n", [6, 15])
def test_coverage_on_simulated_truth(noise, n):
    rng, truth, runs = np.random.default_rng(17), math.log(1.04), 1500
    draw = {
        "normal": lambda: rng.normal(size=n),
        "t3": lambda: rng.standard_t(3, n),
        "spiky": lambda: rng.normal(size=n) + (rng.random(n) < 0.05) * rng.normal(0, 12, n),
    }[noise]
    hits = sum(not hodges_lehmann(truth + 0.02 * draw()).excludes(truth) for _ in range(runs))
    assert 0.93 <= hits / runs <= 0.99


@pytest.mark.slow
def test_identical_arms_are_rarely_told_apart():
    rng, runs = np.random.default_rng(3), 400
    false = 0
    for _ in range(runs):
        base = np.exp(rng.normal(0, 0.5, 12))
        found = compare_paired(base * np.exp(rng.normal(0, 0.02, 12)), base * np.exp(rng.normal(0, 0.02, 12)),
                               lower_is_better=True, margin=0.05)  # fmt: skip
        false += found.verdict in ("better", "worse")
    assert false / runs <= 0.02
