"""A profile of one process of several: its shares are not multiplied with the CPU of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perflab.experiments.bottlenecks import Bottlenecks, bottlenecks
from perflab.experiments.conclude.profile import conclude
from perflab.experiments.profile import ProfilePass
from perflab.experiments.trial import NS
from perflab.experiments.units_of_work import Window
from perflab.instrument.interface import Capture
from perflab.instrument.stacks import Place
from perflab.instrument.table import Health, Measure, ProfileTable, make_rows

UNITS_PER_S, SECONDS = 10, 40


def resources(ms_per_unit: dict[str, float], doubled: str = "") -> pd.DataFrame:
    """CPU readings of each process; from 10 to 20 s, under an instrument, `doubled` takes twice its CPU."""
    at = np.arange(0, SECONDS + 0.1, 0.2)
    rows = []
    for name, cost in ms_per_unit.items():
        extra = np.clip(at - 10, 0, 10) if name == doubled else 0 * at
        cpu = (at + extra) * UNITS_PER_S * cost / 1e3
        rows.append(pd.DataFrame({"process": name, "t_ns": (at * NS).astype(np.int64), "cpu_s": cpu}))
    return pd.concat(rows, ignore_index=True)


def profile_of(tmp_path: Path, ms_per_unit: dict[str, float], alone: float = 1.0, doubled: str = "") -> Bottlenecks:
    """The profile of the first process, of whose own CPU f takes half; `alone`: what its children do not use."""
    first, *_ = ms_per_unit
    start = np.arange(0, SECONDS, 1 / UNITS_PER_S)
    units = pd.DataFrame({"kind": "request", "outcome": "ok", "warmup": False, "intended_ns": (start * NS).astype(int)})
    units["start_ns"], units["end_ns"] = units["intended_ns"], units["intended_ns"] + NS // UNITS_PER_S
    trial = SimpleNamespace(units=units, resources=resources(ms_per_unit, doubled), facts=SimpleNamespace(go_ns=0))
    capture = Capture("pyspy", "gil", tmp_path, {}, window_s=10.0, started_ns=10 * NS,
                      cpu_s=alone * 10 * UNITS_PER_S * ms_per_unit[first] / 1e3)  # fmt: skip
    rows = make_rows({Place("a.py", "f", 2): 500, Place("a.py", "g", 9): 300, Place("a.py", "h", 19): 200},
                     Measure("pyspy", "gil", "samples", "samples"), "own", 1000)  # fmt: skip
    table = ProfileTable(tuple(rows), Health(1000, window_s=10.0, cpu_s=capture.cpu_s))
    around = [Window(0, 10 * NS), Window(20 * NS, 40 * NS)]
    done = ProfilePass(
        "py-spy", trial, around, {"pyspy-gil": Window(10 * NS, 20 * NS)}, captures={"": (capture, table)}
    )
    processes = tuple(SimpleNamespace(name=name) for name in ms_per_unit)
    system = SimpleNamespace(
        system_processes=processes, load=SimpleNamespace(unit_kind="request"), spans=SimpleNamespace(stage=()), flag=(),
        unit="request", source="", resolve=lambda path: tmp_path,
    )  # fmt: skip
    return bottlenecks(SimpleNamespace(system=system), [done])


def test_one_process_is_the_whole_system(tmp_path: Path):
    found = profile_of(tmp_path, {"api": 10.0})
    top = found.ranking.rows[0]
    assert (found.profiled.part, found.profiled.others, found.profiled.caveat) == (1.0, (), "")
    assert top.cpu_us_per_unit == pytest.approx(5000) and top.most_bound == pytest.approx(2)
    assert "of CPU, in its own code; removing it could save at most that much (bound x 2.00)." in found.sentence()


def test_a_worker_that_nobody_profiled_is_in_no_cost_of_the_profiled_process(tmp_path: Path):
    found = profile_of(tmp_path, {"api": 1.0, "worker": 9.0})
    top = found.ranking.rows[0]
    assert found.profiled.part == pytest.approx(0.1) and found.profiled.others == ("worker",)
    assert found.cpu_ms == pytest.approx(1.0) and top.cpu_us_per_unit == pytest.approx(500)
    assert top.most_bound == pytest.approx(1 / 0.95) and found.rows()[0]["at most"] == "x 1.05"
    said = found.sentence()
    assert "of the CPU of api" in said and "at most 5 % of the system's CPU (bound x 1.05)" in said
    assert "the process api, 10 % of the system's CPU; not looked at: worker" in said


def test_an_instruments_cost_is_that_of_the_process_that_it_slows(tmp_path: Path):
    [row] = profile_of(tmp_path, {"api": 1.0, "worker": 9.0}, doubled="api").overheads.rows
    assert row.ratio == pytest.approx(2.0, rel=0.01) and row.within is False


def test_what_the_process_started_was_not_looked_at_either(tmp_path: Path):
    found = profile_of(tmp_path, {"api": 10.0}, alone=0.02)
    assert found.profiled.others == ("what api started",) and found.profiled.part == pytest.approx(0.02)
    assert found.ranking.rows[0].cpu_us_per_unit == pytest.approx(100)
    nearly = profile_of(tmp_path, {"api": 10.0}, alone=0.96)  # the sensor's ticks, no child
    assert nearly.profiled.part == 1.0 and nearly.cpu_ms == pytest.approx(10.0)


@pytest.mark.parametrize(("costs", "verdict"), [({"api": 9.0, "job": 1.0}, "reported"),
                                                ({"api": 1.0, "job": 9.0}, "inconclusive")])  # fmt: skip
def test_a_profile_of_the_smaller_part_names_no_first_place_of_the_system(study, tmp_path: Path, costs, verdict):
    found = replace(profile_of(tmp_path, costs), overheads=None)
    made = conclude(replace(study, notebook="10_baseline_profile"), [ProfilePass("py-spy")], found, [], {})
    hot = next(f for f in made if f.id == "F10-2")
    assert hot.verdict == verdict and any("not looked at: job" in caveat for caveat in hot.caveats)
    assert hot.effect.metric == "share of the CPU of api"
    assert ("first in the system's file" in hot.next_step) is (verdict == "inconclusive")
