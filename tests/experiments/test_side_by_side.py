"""Arms side by side: a few start at a time, all go at once, and one that fails keeps nobody waiting."""

from __future__ import annotations

import threading
import time

import pytest

from perflab.errors import SystemFailure
from perflab.experiments.side_by_side import SideBySide, run_side_by_side


def test_a_few_start_at_a_time_and_none_goes_before_all_are_ready():
    lock, starting, most, ready, went = threading.Lock(), 0, 0, 0, []

    def run(arm: int, meeting: SideBySide) -> int:
        nonlocal starting, most, ready
        meeting.begin()
        with lock:
            starting += 1
            most = max(most, starting)
        time.sleep(0.02)
        with lock:
            starting -= 1
            ready += 1
        meeting.go()
        went.append(ready)
        return arm * 10

    assert run_side_by_side(range(7), run, places=2) == [0, 10, 20, 30, 40, 50, 60]
    assert most == 2
    assert went == [7] * 7


@pytest.mark.parametrize("failing", [0, 3, 6])
@pytest.mark.parametrize("places", [1, 3, 7])
def test_the_failure_of_one_arm_is_told_and_ends_the_others(failing, places):
    def run(arm: int, meeting: SideBySide) -> None:
        meeting.begin()
        if arm == failing:
            raise SystemFailure(f"Arm {arm} was not ready")
        meeting.go()
        raise AssertionError("went without all arms")

    with pytest.raises(SystemFailure, match=f"Arm {failing} was not ready"):
        run_side_by_side(range(7), run, places)


@pytest.mark.parametrize("_again", range(20))
def test_an_arm_that_fails_as_soon_as_it_went_leaves_the_others_their_work(_again):
    ended = []

    def run(arm: int, meeting: SideBySide) -> None:
        meeting.begin()
        meeting.go()
        if arm == 1:
            raise SystemFailure("Died under load")
        ended.append(arm)

    with pytest.raises(SystemFailure, match="Died under load"):
        run_side_by_side(range(9), run, places=2)
    assert sorted(ended) == [0, *range(2, 9)]
