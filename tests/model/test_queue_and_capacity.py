"""Waiting, Little's law, the knee of a ladder and what a ladder says about capacity."""

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import StatisticError
from perflab.model.capacity import capacity_statement, core_cost
from perflab.model.erlang import erlang_b, erlang_c, mean_wait_s, servers_needed
from perflab.model.knee import Rung, knee_at_target


def test_erlang_against_closed_forms():
    assert erlang_c(1, 0.8) == pytest.approx(0.8)  # M/M/1: the chance to wait is the load
    assert mean_wait_s(1, 0.8, 1.0) == pytest.approx(4.0)
    a, c = 6.0, 9
    top = a**c / math.factorial(c)
    assert erlang_b(c, a) == pytest.approx(top / sum(a**k / math.factorial(k) for k in range(c + 1)))
    assert erlang_c(1000, 980.0) < 1.0  # the factorial form overflows here


def test_erlang_against_a_simulated_queue():
    rng, servers, n = np.random.default_rng(2), 4, 120_000
    arrive, work = np.cumsum(rng.exponential(1 / 2.8, n)), rng.exponential(1.0, n)
    free, waits = [0.0] * servers, np.empty(n)
    for i in range(n):
        start = max(arrive[i], free[0])
        waits[i] = start - arrive[i]
        heapq.heapreplace(free, start + work[i])
    assert (waits > 0).mean() == pytest.approx(erlang_c(servers, 2.8), abs=0.02)
    assert waits.mean() == pytest.approx(mean_wait_s(servers, 2.8, 1.0), rel=0.10)


@given(st.floats(0.1, 50), st.floats(0.01, 2), st.floats(0.001, 1))
def test_servers_needed_is_the_fewest(arrivals, service, wait):
    needed = servers_needed(arrivals, service, wait)
    assert mean_wait_s(needed, arrivals, service) <= wait
    if needed - 1 > arrivals * service:
        assert mean_wait_s(needed - 1, arrivals, service) > wait


@pytest.mark.parametrize("call", [lambda: erlang_c(2, 2.0), lambda: erlang_b(0, 1), lambda: erlang_b(1, math.nan),
                                  lambda: servers_needed(1, 1, 0), lambda: servers_needed(1, 1, math.nan),
                                  lambda: servers_needed(math.nan, 1, 1), lambda: servers_needed(math.inf, 1, 1),
                                  lambda: servers_needed(1, 0, 1), lambda: servers_needed(1, 1, -1),
                                  lambda: mean_wait_s(1, 1, 0)])  # fmt: skip
def test_impossible_queues(call):
    with pytest.raises(StatisticError):
        call()


def ladder(*rows):
    return [Rung(users, (low + high) / 2, low, high, throughput, users / 400) for users, low, high, throughput in rows]


CLIMB = ladder((5, 0.9, 1.0, 1), (25, 0.9, 1.1, 5), (50, 1.2, 1.5, 10), (75, 1.7, 2.3, 13), (100, 2.4, 3.0, 14))


def test_knee_is_the_highest_level_that_surely_holds():
    knee = knee_at_target(CLIMB, 2.0)
    assert (knee.users, knee.above, knee.unsure) == (50, 100, (75,)) and knee.is_bracketed
    assert knee.explanation == "the target holds at 50 users, is unsure at 75 and breaks at 100"


def test_knee_at_the_edges_of_a_ladder():
    assert knee_at_target(CLIMB, 0.5).users is None and knee_at_target(CLIMB, 0.5).above == 5
    open_end = knee_at_target(CLIMB, 9.0)
    assert (open_end.users, open_end.above) == (100, None) and "ladder ended" in open_end.explanation
    failing = [*CLIMB[:2], Rung(50, 1, 0.9, 1.1, failed=0.2), *CLIMB[3:]]
    assert knee_at_target(failing, 2.0).above == 50
    lucky = [*CLIMB[:2], Rung(50, 3, 2.5, 3.5), Rung(75, 1, 0.9, 1.1)]
    assert knee_at_target(lucky, 2.0).users == 25  # 75 held above a broken level: luck
    unbounded = [Rung(5, 1, 0.5, None), Rung(10, 1, 0.5, 1.2)]
    assert knee_at_target(unbounded, 2.0).users == 10 and knee_at_target(unbounded[:1], 2.0).unsure == (5,)


def test_a_ladder_without_levels_or_with_one_twice_is_refused():
    with pytest.raises(StatisticError, match="no level"):
        knee_at_target([], 1.0)
    with pytest.raises(StatisticError, match="twice"):
        knee_at_target([CLIMB[0], CLIMB[0]], 1.0)


def test_capacity_says_what_it_may_not_claim():
    found = capacity_statement(CLIMB, 2.0, cores=2)
    assert (found.low, found.high, found.limited_by) == (25, 50, "target")
    assert found.cost.cores_per_user == pytest.approx(1 / 400)
    assert found.cost.low <= found.cost.cores_per_user <= found.cost.high
    assert any("more than 100 users" in claim for claim in found.may_not_claim)
    assert any("several instances" in claim for claim in found.may_not_claim)


def test_capacity_limited_by_the_ladder_or_the_generator_gives_no_upper_figure():
    found = capacity_statement(CLIMB, 9.0, cores=1)
    assert (found.low, found.high, found.limited_by) == (100, None, "ladder")
    assert "where the knee lies" in found.may_not_claim[0] and "at least 100 users" in found.explanation
    generator = capacity_statement(CLIMB, 2.0, cores=1, generator_limit=90)
    assert (generator.limited_by, generator.high) == ("generator", None)
    nothing = capacity_statement(CLIMB, 0.1, cores=1)
    assert nothing.users_per_core is None and nothing.limited_by == "nothing held" and "No level" in nothing.explanation
    assert (
        nothing.may_not_claim[0] == "where the knee lies: no level surely held the target" and nothing.high is not None
    )
    assert core_cost(CLIMB[:2], 1.0) is None
    with pytest.raises(StatisticError, match="`cores`"):
        capacity_statement(CLIMB, 2.0, cores=0)


def test_what_a_user_costs_comes_from_levels_below_saturation():
    used = ((5, 0.075), (25, 0.375), (50, 0.75), (75, 0.95), (100, 0.96))  # 1.5 % of a core each, until it is full
    rungs = [Rung(users, 1.0, 0.9, 1.1, cpu_cores=cpu) for users, cpu in used]
    cost = capacity_statement(rungs, 2.0, cores=1).cost
    assert cost is not None and cost.cores_per_user == pytest.approx(0.015)
    slow = [*rungs[:3], Rung(75, 3.0, 2.5, 3.5, cpu_cores=0.8)]  # beyond the target: its users wait, full core or not
    assert capacity_statement(slow, 2.0, cores=1).cost == cost
    thin = capacity_statement(rungs[1:], 2.0, cores=1)
    assert thin.cost is None and any("below saturation" in claim for claim in thin.may_not_claim)


@pytest.mark.parametrize(
    ("levels", "cores", "said"),
    [
        ((256, 1256, 2000), 1, "at least 1,256 users within the target, and surely breaks at 2,000"),
        ((10, 25, 50), 3, "at least 8.33 users within the target, and surely breaks at 16.7"),
        ((100, 200, 500), 3, "at least 66.6 users within the target, and surely breaks at 167"),
    ],
)
def test_capacity_is_never_rounded_to_the_side_that_was_not_measured(levels, cores, said):
    rungs = [Rung(n, 1, 0.9, 1.1) for n in levels[:-1]] + [Rung(levels[-1], 3, 2.5, 3.5)]
    assert said in capacity_statement(rungs, 2.0, cores=cores).explanation
