"""The self-calibration on times whose truth is known, and on a few real ones."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perflab.experiments.conclude.machine import conclude, false_alarm_check, null_check
from perflab.experiments.self_calibration import (
    NOTE,
    PAIRS,
    SelfCalibration,
    judge,
    note,
    power_rows,
    table_rows,
)
from perflab.experiments.study import Study, create_run
from perflab.instrument.noise import Canary, NoiseReading
from perflab.instrument.paired_times import PairedTimes
from perflab.instrument.paired_timing import NULL
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system

READING = NoiseReading(0.01, 0.0, 0.0, 0.1, 0.0, 0.0, Canary(1.0, 1.0), Canary(1.0, 1.0))
ARMS = ("A", NULL, "+2 %", "+5 %")
GENERATOR = {"sessions": 100.0, "achieved_frame_rate": 5000.0, "cpu_percent": 30.0, "late_p99_ms": 1.0}


def planted(comparisons: int, sd: float, twin: float = 1.0, seed: int = 1) -> SelfCalibration:
    """Return the judgement of made-up times: 1 ms of work, heavy-tailed noise, the twin `twin` times as slow."""
    chance = np.random.default_rng(seed)
    blocks = comparisons * PAIRS
    centre = 1e6 * np.array([1.0, twin, 1.02, 1.05])
    wall = centre[None, :, None] * np.exp(chance.standard_t(4, (blocks, 4, 1)) * sd)
    data = wall.round().astype(np.int64)
    place = np.tile(np.arange(4), (blocks, 1))
    return judge(
        PairedTimes(ARMS, 0, data, data[:, :, 0], data[:, :, 0], place * 0, place, (READING,) * blocks),
        2000,
        (6, PAIRS),
        1,
    )


def test_rates_are_those_of_the_noise_that_was_planted() -> None:
    found = planted(200, 0.01)
    assert found.measured[NULL].differs.n == 200 and found.measured[NULL].differs.value < 0.10
    assert found.measured["+5 %"].found.value == 1.0 and found.measured["+2 %"].found.value > 0.85
    assert abs(found.simulated["+2 %"].found.value - found.measured["+2 %"].found.value) < 0.08
    assert 0.93 < found.simulated["+2 %"].covers.value < 0.97
    assert found.visible[PAIRS] < 0.025 < found.visible[6] * 1.5
    assert null_check(found).passed and false_alarm_check(found).passed


def test_a_twin_that_is_slower_voids_the_machine() -> None:
    found = planted(20, 0.01, twin=1.10)
    assert not null_check(found).passed and not false_alarm_check(found).passed
    assert re.fullmatch(r"\+1\d\.\d % \[\+\d.* to \+\d.* %\] in 300 pairs", null_check(found).observed)
    assert "no verdict: two identical arms differed" in found.floor_sentence
    said = " ".join([null_check(found).observed, found.floor_sentence, str(table_rows(found))])
    assert "better" not in said and "worse" not in said


def test_more_noise_makes_the_smallest_visible_effect_larger() -> None:
    quiet, loud = planted(20, 0.005), planted(20, 0.05)
    assert loud.visible[PAIRS] > 5 * quiet.visible[PAIRS] and loud.spread > 5 * quiet.spread


def test_the_table_says_measured_and_simulated_beside_what_should_be() -> None:
    rows = table_rows(planted(20, 0.01))
    assert all(set(row) == {"what", "measured here", "simulated", "should be"} for row in rows)
    assert rows[0]["measured here"].split(" [")[0].endswith("of 20") and rows[0]["should be"] == "5 %"
    assert any("+5 % of work found" in row["what"] for row in rows)


def test_what_the_other_sensors_saw_stands_in_the_table() -> None:
    quiet = planted(4, 0.01)
    readings = [replace(READING, throttled_s=0.5 * (i == 3), steal=0.2 * (i == 4)) for i in range(4 * PAIRS)]
    disturbed = replace(quiet, times=replace(quiet.times, sensors=tuple(readings)))
    for found, count, said in ((quiet, 0, "throttled 0 s"), (disturbed, 2, "throttled 0.5 s")):
        row = next(row for row in table_rows(found) if row["what"] == "other sensors meanwhile")
        assert said in row["measured here"] and "slowest canary 1.0 times its median" in row["measured here"]
        assert row["should be"] == f"beyond a limit: {count} of {4 * PAIRS} blocks; all were kept"


def test_the_curve_rises_with_the_effect_and_holds_the_measured_points() -> None:
    rows = power_rows(planted(20, 0.01))
    curve = [row["found"] for row in rows if row["kind"] == "simulated" and row["pairs"] == PAIRS]
    assert curve == sorted(curve) and [row["effect"] for row in rows if row["kind"] == "measured"] == [2.0, 5.0]


@pytest.fixture
def study(tmp_path: Path, root: Path) -> Study:
    path = root / "data/systems/voice_gateway.toml"
    system = load_system(path)
    run = create_run(system, str(path), "quick", 7, tmp_path)
    return Study(run, system, "00_machine", "quick", 7, default_cores())


def test_the_table_goes_into_the_findings_and_the_runs_notes(study: Study) -> None:
    found = planted(20, 0.01)
    note(study, table_rows(found))
    capabilities: list[dict[str, Any]] = [{"name": "cores", "available": True}]
    noise, load = conclude(study, found, GENERATOR, capabilities, None)
    study.save_findings([noise, load])
    assert study.run.manifest.notes[NOTE] == noise.details["self_calibration"]
    assert noise.verdict == "reported" and f"Comparisons of {PAIRS} pairs" in noise.claim and noise.effect is not None
    assert load.trust[0].passed
    bad, _ = conclude(study, planted(20, 0.01, twin=1.1), GENERATOR, capabilities, None)
    assert bad.verdict == "untrusted"
