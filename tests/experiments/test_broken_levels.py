"""A level of which too much failed for a p95: it broke, and stays in knee and capacity."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from perflab.experiments import scaling
from perflab.experiments.ladder import Level
from perflab.stats.interval import Interval

TARGET = scaling.ResponseTarget("T1", 1500.0, "p95 below 1.5 s")


def level(users, p95=None, failed=0, finished=200, scenario="level"):
    bounds = None if p95 is None else Interval(p95, 0.9 * p95, 1.1 * p95, 0.95, finished - failed, "planted")
    good, busy = finished - failed, users / 4
    return Level(scenario, users, 60.0, good, bounds, bounds, None, busy, busy, 90.0, failed, finished)


CLIMB = [level(50, 900), level(100, 950), level(150, 1000)]
BROKEN = level(200, None, 900, 950)  # 50 units are left, of 100 that a p95 needs


def test_a_level_of_failures_is_the_knee():
    found = scaling.knee([*CLIMB, BROKEN], TARGET)
    assert (found["held"], found["broke"], found["users"]) == (150, 200, 150)
    assert "holds at 150 users and breaks at 200, where 95 % of 950 units failed." in found["claim"]


def test_a_level_of_few_units_is_unsure_not_broken():
    few = scaling.knee([*CLIMB, level(200, None, 0, 60)], TARGET)
    assert few["broke"] is None and "unsure at 200" in few["claim"]
    one = scaling.knee([*CLIMB[:2], level(150, 1000, 1, 75)], TARGET)  # 1.3 %, which proves no 1 %
    assert one["held"] == 100 and one["broke"] is None and "unsure at 150" in one["claim"]
    many = scaling.knee([*CLIMB[:2], level(150, 1000, 8, 75)], TARGET)
    assert many["broke"] == 150 and "11 % of 75 units failed" in many["claim"]


def test_without_a_p95_only_failures_say_where_it_breaks():
    none = scaling.knee([level(5, None, 0, 20), level(10, None, 0, 40), level(20, None, 0, 0)], TARGET)
    assert none["users"] is None and none["claim"].startswith("No level finished enough units")
    broke = scaling.knee([level(5, None, 0, 20), level(10, None, 30, 40)], TARGET)
    assert broke["broke"] == 10 and "holds surely at no level, is unsure at 5 and breaks at 10" in broke["claim"]


def test_capacity_counts_the_broken_level_but_not_its_cpu():
    study = SimpleNamespace(cores=SimpleNamespace(system=(0,)))
    wild = replace(BROKEN, cpu_percent=5.0)  # refusals are cheap: its CPU would bend the cost of a user
    found = scaling.capacity(study, {"v": [*CLIMB, wild]}, TARGET).by_variant["v"]
    assert (found.low, found.high, found.limited_by, found.measured_up_to) == (150, 200, "target", 200)
    assert found.cost is not None and found.cost.cores_per_user == pytest.approx(1 / 400)
    table = scaling.capacity(study, {"v": [*CLIMB, wild]}, TARGET).rows()
    assert table["v"]["CPU per user (% of a core)"] == "0.250 (0.250 to 0.250)"


def test_a_level_without_a_p95_is_kept_but_replaces_none_that_has_it():
    few, again = level(150, None, 0, 30, "matrix"), level(100, 970, scenario="matrix")
    assert scaling.best_levels([*CLIMB, BROKEN, again, few]) == [CLIMB[0], again, CLIMB[2], BROKEN]
    assert scaling.best_levels([few, CLIMB[2], level(7, None, 0, 0)]) == [CLIMB[2]]
    drowned = replace(few, p50=Interval(2_627, 2_422, 2_849, 0.95, 30, "planted"))  # its p95 is surely above that
    assert scaling.best_levels([drowned, CLIMB[2]]) == scaling.best_levels([CLIMB[2], drowned]) == [drowned]
