"""Paired timing on real work: the order, the marks, the planted effect, and what may be dropped."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from perflab.errors import StatisticError, UsageError
from perflab.instrument.known_work import known_work
from perflab.instrument.paired_times import PairedTimes, SensorLimits
from perflab.instrument.paired_timing import NULL, TimingPlan, time_paired, with_null

ARMS = {"A": known_work(), "B": known_work(2.0)}


@pytest.fixture(scope="module")
def times() -> PairedTimes:
    return time_paired(with_null(ARMS, "A"), TimingPlan(blocks=24, inner=9, warmups=2))


def test_every_arm_runs_once_a_block_and_blocks_are_mirrored(times: PairedTimes) -> None:
    assert times.arms == ("A", NULL, "B") and times.wall_ns.shape == (26, 3, 9)
    assert (np.sort(times.place, axis=1) == [0, 1, 2]).all()
    assert (times.place[0::2] == 2 - times.place[1::2]).all()
    assert len({tuple(row) for row in times.place}) > 2


def test_visits_deal_the_repetitions_out_in_turn_and_turn_round() -> None:
    asked: list[str] = []
    arms = {name: (lambda name=name: asked.append(name)) for name in "ABC"}
    times = time_paired(arms, TimingPlan(blocks=2, inner=7, visits=3, warmups=0))
    assert times.wall_ns.shape == (2, 3, 7) and (times.wall_ns > 0).all() and len(asked) == 2 * 3 * 7
    first = [name for i, name in enumerate(asked[:21]) if i == 0 or asked[i - 1] != name]
    order = [times.arms[k] for k in np.argsort(times.place[0])]
    assert first == [*order, *order[-2::-1], *order[1:]]  # A B C, C B A, A B C: neighbours run on
    assert (times.length_ns >= times.wall_ns.sum(axis=2)).all()
    for visits in (0, 8):
        with pytest.raises(UsageError, match="visits"):
            time_paired(arms, TimingPlan(blocks=1, inner=7, visits=visits))


def test_warm_ups_are_kept_and_marked_but_not_judged(times: PairedTimes) -> None:
    rows = list(times.rows())
    assert sum(row["warmup"] for row in rows) == 2 * 3 and len(rows) == 26 * 3
    assert times.column("A").size == 24


def test_planted_double_work_is_found_on_either_clock(times: PairedTimes) -> None:
    for clock in ("wall", "cpu"):
        found = times.compare("A", "B", margin=0.05, clock=clock)
        assert found.verdict == "worse" and 1.5 < found.effect < 2.6
    assert (times.cpu_ns > 0).all() and (times.run_delay >= 0).all() and (times.run_delay <= 1).all()


def test_a_null_arm_that_differs_voids_the_verdict(times: PairedTimes) -> None:
    same, biased = times.wall_ns.copy(), times.wall_ns.copy()
    same[:, 1], biased[:, 1] = same[:, 0], biased[:, 0] * 13 // 10
    same[5, 1] += 1000  # identical to the nanosecond would be no measurement
    assert replace(times, wall_ns=same).compare("A", "B", margin=0.05, null=NULL).verdict == "worse"
    assert replace(times, wall_ns=biased).compare("A", "B", margin=0.05, null=NULL).verdict == "untrusted"


def test_each_block_has_its_sensors_with_a_canary_before_and_after(times: PairedTimes) -> None:
    assert len(times.sensors) == 26
    assert all(s.canary_before is not None and s.canary_before.cpu_ms > 0 < s.canary.cpu_ms for s in times.sensors)


def throttle(times: PairedTimes, blocks: range) -> PairedTimes:
    """Return the same times as if a quota had stopped the machine in some blocks."""
    sensors = [replace(s, throttled_s=0.1 if i in blocks else 0.0, steal=0.0) for i, s in enumerate(times.sensors)]
    return replace(times, sensors=tuple(sensors))


QUOTA = SensorLimits(run_delay=1.0, canary=1e9)


def test_a_block_beyond_a_limit_goes_whole_and_is_reported(times: PairedTimes) -> None:
    marked = throttle(times, range(5, 8))
    seen = marked.screen(QUOTA)
    assert (seen.dropped, int(seen.kept.sum())) == (3, 21) and "3 of 24 blocks were dropped" in seen.sentence
    assert not seen.kept[5:8].any() and not seen.kept[:2].any()
    assert marked.column("A", limits=QUOTA).size == marked.column("B", limits=QUOTA).size == 21
    assert marked.column("A").size == 24


def test_more_than_a_fifth_beyond_a_limit_drops_none_and_says_so(times: PairedTimes) -> None:
    seen = throttle(times, range(5, 12)).screen(QUOTA)
    assert (seen.beyond, seen.dropped, int(seen.kept.sum())) == (7, 0, 24) and "too many to drop" in seen.sentence


def test_what_is_dropped_does_not_depend_on_the_times(times: PairedTimes) -> None:
    marked = throttle(times, range(5, 8))
    factor = np.array([1, 1, 7])
    slower = replace(marked, wall_ns=marked.wall_ns * factor[:, None], length_ns=marked.length_ns * factor,
                     wait_ns=marked.wait_ns * factor)  # fmt: skip
    assert (slower.screen(QUOTA).kept == marked.screen(QUOTA).kept).all()


def test_the_time_limit_cuts_whole_blocks_but_leaves_the_fewest() -> None:
    times = time_paired(ARMS, TimingPlan(blocks=5000, inner=2, warmups=2, limit_s=0.0, fewest=7))
    assert times.wall_ns.shape == (9, 2, 2) and len(times.sensors) == 9 and times.column("A").size == 7
    assert (times.wall_ns > 0).all() and (times.length_ns > 0).all()


def test_commands_are_timed_in_processes_of_their_own() -> None:
    short, long = (f"sum(range({n}))" for n in (10, 4_000_000))
    plan = TimingPlan(blocks=6, inner=1, warmups=1)
    times = time_paired(
        {"A": [sys.executable, "-I", "-S", "-c", short], "B": [sys.executable, "-I", "-S", "-c", long]}, plan
    )
    assert (times.column("B", "cpu") > times.column("A", "cpu")).all() and times.wall_ns.min() > 0


def test_a_command_that_fails_is_an_error_not_a_time() -> None:
    arms = {"A": [sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"], "B": ["true"]}
    with pytest.raises(UsageError, match="ended with 3"):
        time_paired(arms, TimingPlan(blocks=1, inner=1))


@pytest.mark.parametrize("plan", [TimingPlan(0), TimingPlan(1, inner=0), TimingPlan(1, warmups=-1)])
def test_a_plan_without_blocks_is_refused(plan: TimingPlan) -> None:
    with pytest.raises(UsageError, match="at least one block"):
        time_paired(ARMS, plan)


def test_unknown_arms_and_single_arms_are_refused(times: PairedTimes) -> None:
    with pytest.raises(StatisticError, match="No arm 'C' was timed"):
        times.column("C")
    with pytest.raises(StatisticError, match="at least two arms"):
        time_paired({"A": known_work()}, TimingPlan(1))
    with pytest.raises(UsageError, match="No baseline"):
        with_null(ARMS, "C")
