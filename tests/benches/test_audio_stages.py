"""The gain of computing all sessions at once, at 100 of them, on planted blocks."""

from __future__ import annotations

import numpy as np

from perflab.benches.audio_stages import COMPARED, QUESTION, USERS, stage_bars
from perflab.experiments.audio_stages import Stages, judge_stages
from perflab.experiments.blocks import ArmFigures, BlockResult
from perflab.experiments.null_arm import NULL
from perflab.findings.finding import TrustCheck
from perflab.system.load_file import load_system
from perflab.system.variant import variant

SPEED = dict(zip(("baseline", NULL, *COMPARED), (1.0, 1.0, 0.8, 1.3), strict=True))


def judged(*trust: TrustCheck) -> Stages:
    rng = np.random.default_rng(3)
    figures = [
        ArmFigures(arm, block, 12 * speed * float(np.exp(rng.normal(0, 0.01))), 900.0, 1_200.0,
                   3.0 + rng.normal(0, 0.1), 220.0, USERS, 0, 0.5, 0.02)
        for block in range(9) for arm, speed in SPEED.items()
    ]  # fmt: skip
    return judge_stages(BlockResult(tuple(figures), (), {}), COMPARED, trust, QUESTION)


def test_a_way_that_gains_holds_and_one_that_costs_is_missed() -> None:
    numba, batched = stage_bars(judged())
    assert (numba.id, batched.id) == ("stages.per_frame_numba", "stages.batched")
    assert numba.holds and not numba.open and numba.interval is not None
    assert numba.interval[0] < 0.8 < numba.interval[1] and numba.n == 9
    assert not batched.holds and batched.value is not None and batched.value > 1.2
    assert "ms [" in numba.detail["time_added"] and "100 clients" in numba.detail["world"]


def test_a_refused_measurement_has_no_value() -> None:
    bars = stage_bars(judged(TrustCheck(name="load generator on time", passed=False, observed="9 ms", limit="5 ms")))
    assert all(bar.value is None and "load generator on time: 9 ms" in bar.detail["reason"] for bar in bars)


def test_both_ways_are_variants_that_differ_in_the_pipeline_alone() -> None:
    system = load_system("data/systems/voice_gateway.toml")
    base = variant(system, f"{system.judge}+{QUESTION.under}").flags
    assert base["voice_activity"] == "energy" and base["pipeline"] == "per_frame"
    for arm in COMPARED:
        flags = variant(system, f"{system.judge}+{QUESTION.under}+{arm}").flags
        assert {name for name in flags if flags[name] != base[name]} == {"pipeline"}
