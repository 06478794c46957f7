"""A climb ends at the first rate that does not hold, and the knee is the highest below it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perflab.experiments.strategies.rate_ladder import answered_per_min, climbed, knee_of


@dataclass(frozen=True)
class One:
    rate: int
    held: bool
    doubtful: bool = False


@given(st.lists(st.booleans(), max_size=12))
def test_the_knee_is_the_highest_rung_below_the_first_that_did_not_hold(held: list[bool]) -> None:
    rungs = [One(rate, holds) for rate, holds in enumerate(held)]
    top, broken = knee_of(rungs)
    ends = held.index(False) if False in held else len(held)
    assert (top.rate if top else -1) == ends - 1
    assert (broken.rate if broken else len(held)) == ends


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_climb_asks_nothing_beyond_the_first_that_did_not_hold(held: list[bool]) -> None:
    asked = climbed(range(len(held)), lambda rate: One(rate, held[rate]))
    assert [one.rate for one in asked] == list(range(len(asked)))
    assert all(one.held for one in asked[:-1])
    assert not asked[-1].held or len(asked) == len(held)
    assert knee_of(asked) == knee_of([One(rate, holds) for rate, holds in enumerate(held)])


@given(st.lists(st.sampled_from(["yes", "no", "doubt, yes", "doubt, no"]), min_size=1, max_size=8))
def test_a_rung_in_doubt_is_asked_once_more_and_the_second_answer_decides(plan: list[str]) -> None:
    asked: list[int] = []

    def ask(rate: int) -> One:
        asked.append(rate)
        second = asked.count(rate) == 2
        return One(rate, plan[rate].endswith("yes") and (second or "doubt" not in plan[rate]), "doubt" in plan[rate])

    rungs = climbed(range(len(plan)), ask, lambda one: one.doubtful)
    ends = next((i for i, word in enumerate(plan) if word.endswith("no")), len(plan) - 1)
    assert asked == [rate for rate in range(ends + 1) for _ in range(2 if "doubt" in plan[rate] else 1)]
    assert [one.rate for one in rungs] == asked


@given(st.integers(2, 40), st.floats(1.0, 60.0))
def test_answers_a_minute_are_all_that_ended_in_time(each: int, seconds: float) -> None:
    ended = np.sort(np.random.default_rng(each).uniform(0, seconds, 20 * each))
    seen = answered_per_min(np.append(ended, seconds + 1), seconds)
    assert seen is None or abs(seen.value - 60 * ended.size / seconds) < 1e-6 * seen.value
    assert answered_per_min(np.arange(0.5, 20), 20.0) is None  # all parts alike: no bounds, no value
