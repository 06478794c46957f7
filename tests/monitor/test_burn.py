"""Budget arithmetic against the published table and examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import UsageError
from perflab.monitor.burn import BURN_WINDOWS, PERIOD_S, budget_minutes, detection_s, is_possible, threshold
from perflab.monitor.cases import minutes


def test_each_window_spends_the_share_of_the_budget_that_the_table_states():
    for window in BURN_WINDOWS:
        assert window.factor * minutes(window.long) * 60 / PERIOD_S == pytest.approx(window.budget_spent)
        assert minutes(window.long) == 12 * minutes(window.short)
    assert [window.is_slow for window in BURN_WINDOWS] == [False, False, True, True]


def test_published_examples():
    assert budget_minutes(0.999) == pytest.approx(43.2) and budget_minutes(0.9995) == pytest.approx(21.6)
    assert detection_s(BURN_WINDOWS[0], 0.0005, 0.10) == pytest.approx(14.4 / 200 * 3600)  # 4.3 minutes
    assert detection_s(BURN_WINDOWS[0], 0.0005, 0.005) is None


def test_an_alert_that_could_never_fire_is_refused():
    with pytest.raises(UsageError, match="impossible"):
        threshold(BURN_WINDOWS[0], 0.10)  # 90 %: 14.4 times 10 % is more than every event
    assert not is_possible(BURN_WINDOWS[0], 1 - 0.93) and is_possible(BURN_WINDOWS[0], 1 - 0.931)
    for budget in (0.0, 1.0, -0.1):
        with pytest.raises(UsageError, match="budget"):
            threshold(BURN_WINDOWS[3], budget)


@given(st.floats(1e-5, 0.06), st.floats(0.01, 1.0))
def test_worse_outages_are_seen_sooner(budget, bad):
    sooner, later = (detection_s(BURN_WINDOWS[0], budget, share) for share in (1.0, bad))
    assert sooner is not None and (later is None or later >= sooner)
