"""Cores and money of users: bounds from a lower bound on users per core."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import StatisticError
from perflab.model.price import most_cores, most_per_user_hour


@pytest.mark.parametrize(("users", "per_core", "cores"), [(100, 200, 1), (100, 50, 2), (101, 50, 3), (1, 0.3, 4)])
def test_cores_are_whole_and_enough(users: float, per_core: float, cores: int) -> None:
    assert most_cores(users, per_core) == cores


@given(st.integers(1, 10_000), st.floats(0.1, 1_000))
def test_no_fewer_cores_would_do_and_no_more_are_asked(users: int, per_core: float) -> None:
    cores = most_cores(users, per_core)
    assert cores * per_core >= users * (1 - 1e-6) and (cores - 1) * per_core < users


def test_a_price_of_a_user_is_that_of_a_core_shared_out() -> None:
    assert most_per_user_hour(0.04, 200) == pytest.approx(0.0002)


@pytest.mark.parametrize("given_", [(0, 1), (1, 0), (-1, 1), (1, float("nan")), (float("inf"), 1)])
def test_nothing_is_divided_by_nothing(given_: tuple[float, float]) -> None:
    for bound in (most_cores, most_per_user_hour):
        with pytest.raises(StatisticError, match="must be above zero"):
            bound(*given_)
