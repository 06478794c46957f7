"""The scalability law against published fits, and what it refuses to say."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.errors import StatisticError
from perflab.model.usl import fit_usl, usl

# SPARCcenter 2000, SPEC SDM91; parameters of the R package usl 3.0 (README): NLS on X.
SPECSDM91 = ([1, 18, 36, 72, 108, 144, 216], [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2])
# SGI Origin 2000 ray tracer: beta on its bound, alpha 0.05777, gamma 21.849 (R nls, port algorithm, agrees).
RAYTRACER = ([1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64], [20, 78, 130, 170, 190, 200, 210, 230, 260, 280, 310])
# tests/coef.R of the same package: alpha 0.02, beta 0.02, gamma 1.
SYNTHETIC = ([1, 2, 4, 6, 8, 10], [1, 1.8868, 3.0769, 3.5294, 3.5398, 3.3557])


def test_specsdm91_as_published():
    fit = fit_usl(*SPECSDM91)
    assert fit.alpha == pytest.approx(0.0277285, rel=1e-4)
    assert fit.beta == pytest.approx(1.044e-4, rel=4e-4)
    assert fit.gamma == pytest.approx(89.9952, rel=1e-5)
    assert fit.standard_errors == pytest.approx((0.0091217, 1.99e-5, 14.21), rel=2e-3)
    assert fit.residual_sd == pytest.approx(82.85, rel=1e-3)
    assert fit.peak_users == pytest.approx(96.52, rel=1e-3)
    assert fit.peak_throughput == pytest.approx(1884, rel=1e-3)
    assert fit.limit_throughput == pytest.approx(3246, rel=1e-3)
    assert fit.optimal_users == pytest.approx(36.06, rel=1e-3)
    assert fit.not_identified == () and fit.caveats == ()


def test_synthetic_set_as_published():
    fit = fit_usl(*SYNTHETIC)
    assert (fit.alpha, fit.beta, fit.gamma) == pytest.approx((0.0200058, 0.0199997, 1.00001), rel=5e-5)


def test_bound_solution_is_flagged_and_never_read_as_endless():
    fit = fit_usl(*RAYTRACER)
    assert (fit.alpha, fit.gamma) == pytest.approx((0.05777, 21.849), rel=1e-3)
    assert fit.beta == 0.0 and fit.not_identified == ("beta",)
    assert fit.peak_users is None and fit.peak_throughput is None and "bound" in fit.caveats[0]
    assert math.isnan(fit.standard_errors[1]) and fit.standard_errors[0] > 0


def test_no_peak_is_named_where_the_law_says_nothing():
    levels = np.array([5, 10, 25, 50, 75, 100])
    far = fit_usl(levels, usl(levels, 0.01, 6.2e-6, 2.0))  # its curve peaks at 400 users
    assert far.not_identified == () and far.peak_users is None and far.peak_throughput is None
    near = fit_usl(levels, usl(levels, 0.01, 1e-4, 2.0))
    assert near.peak_users == pytest.approx(99.5, rel=1e-2) and near.peak_throughput is not None
    falling = replace(near, alpha=1.0, not_identified=("alpha",))
    assert falling.peak_users is None


@settings(max_examples=20, deadline=None)
@given(st.floats(0.005, 0.2), st.floats(1e-5, 1e-3), st.floats(0.5, 500))
def test_exact_curves_give_their_parameters_back(alpha, beta, gamma):
    levels = np.array([1, 2, 5, 10, 25, 50, 100, 150, 200])
    fit = fit_usl(levels, usl(levels, alpha, beta, gamma))
    assert (fit.alpha, fit.beta, fit.gamma) == pytest.approx((alpha, beta, gamma), rel=1e-3)


def test_no_prediction_beyond_twice_the_range():
    fit = fit_usl(*SPECSDM91)
    assert fit.predict(216) == pytest.approx(1702, rel=0.05)
    for users in (433, 50_000, 0, -1, math.nan):
        with pytest.raises(StatisticError, match="fitted up to N = 216"):
            fit.predict(users)


def test_few_levels_are_marked_or_refused():
    levels, x = SPECSDM91
    assert "5 levels" in fit_usl(levels[:5], x[:5]).caveats[-1]
    with pytest.raises(StatisticError, match="3 different levels"):
        fit_usl([50, 100, 200], [10, 18, 25])


@pytest.mark.parametrize(
    ("levels", "x", "message"),
    [
        ([1, 2, 3, 4], [1, 2, 3], "shape"),
        ([0, 1, 2, 3], [1, 2, 3, 4], "`levels`"),
        ([1, 2, 3, 4], [1, 2, 3, math.nan], "`throughputs`"),
        ([1, 2, 3, 4], [1, 2, 0, 1], "`throughputs`"),
        ([], [], "0 different levels"),
    ],
)
def test_bad_input(levels, x, message):
    with pytest.raises(StatisticError, match=message):
        fit_usl(levels, x)
