"""What the gate says: undecided is no pass, the machine's calibration stands beside it, refusals stay silent."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from perflab.benches.stats.injected import GATE, Planted, block_set, make_case, printed_by_gate, studied
from perflab.cli.gate_text import Said
from perflab.errors import EXIT_OK, EXIT_UNTRUSTED
from perflab.experiments.gate import FIRST, MOST, NARROW, SUSPECT, USUAL, conclude, gate_plan
from perflab.experiments.null_arm import CPU_MARGIN, FIGURES, MEMORY_MARGIN
from perflab.report.calibration import NONE_YET, Calibration
from perflab.strict_json import json_text

CPU = ("cpu_ms_per_unit",)
ROWS = [
    {"what": "identical work called different (15 pairs)", "measured here": "1 of 60 [0 to 9 %]", "simulated": "5.0 %",
     "should be": "5 %"},
    {"what": "+2 % of work found (15 pairs)", "measured here": "60 of 60", "simulated": "99 %", "should be": "80 %"},
    {"what": "smallest effect found 4 times in 5, 15 pairs (30 ms)", "measured here": "", "simulated": "0.7 %",
     "should be": "below the margin of the comparison"},
]  # fmt: skip


@pytest.fixture(scope="module")
def study():
    with studied() as opened:
        yield opened


def noisy(spread: float, effect: float = 1.0, seed: int = 3):
    """Blocks whose suspect scatters by `spread` from block to block in CPU."""
    rng = np.random.default_rng(seed)
    made = block_set(rng, {SUSPECT: effect}, None)
    moved = {f.block: float(np.exp(rng.normal(0, spread))) for f in made.figures}
    rows = [replace(f, cpu_ms_per_unit=f.cpu_ms_per_unit * moved[f.block]) if f.arm == SUSPECT else f
            for f in made.figures]  # fmt: skip
    return replace(made, figures=tuple(rows))


def said(study, blocks, rows=ROWS, origin="", judged=CPU):
    calibration = Calibration(rows, origin)
    return Said(conclude(blocks, (), judged, None), study.system, study.system.judge, "main", calibration)


def test_a_regression_that_the_interval_holds_is_undecided_and_never_called_none(study):
    found = said(study, noisy(0.2))
    assert (found.found.outcome, found.found.exit_code) == ("undecided", EXIT_OK)
    assert "no regression is confirmed" in found.head and "is not excluded in CPU" in found.head
    assert not found.head.startswith("No regression") and found.found.blocks_needed > found.found.blocks
    assert found.next.endswith(f"--blocks {found.found.blocks_needed}")


def test_no_regression_is_said_where_one_of_the_margin_is_excluded(study):
    found = said(study, noisy(0.005))
    assert found.found.outcome == "no regression" and found.head.startswith("No regression against main beyond")
    cpu = next(f for f in found.found.figures if f.column == "cpu_ms_per_unit")
    assert cpu.comparison is not None and cpu.comparison.tost_high < 1 + CPU_MARGIN


def test_the_variant_and_the_suspects_that_were_not_measured_are_named(study):
    left = ("CPU per turn [baseline] (pass --variant baseline)",)
    for spread in (0.005, 0.2):
        found = replace(said(study, noisy(spread)), left=left)
        assert f"variant {study.system.judge}" in found.head
        assert f"Suspected and not measured: {left[0]}." in found.lines
        assert found.as_dict()["not_measured"] == list(left) and found.as_dict()["variant"] == study.system.judge
        assert found.exit_code == found.as_dict()["exit_code"] == EXIT_UNTRUSTED
    worse = replace(said(study, noisy(0.005, effect=1.5)), left=left)
    assert worse.found.outcome == "regression" and worse.exit_code == worse.found.exit_code == 1
    assert said(study, noisy(0.005)).exit_code == EXIT_OK


def test_a_wide_improvement_is_not_undecided(study):
    found = said(study, noisy(0.1, effect=0.5))
    assert found.found.outcome == "no regression" and found.found.not_excluded == ()


@pytest.mark.slow
def test_equal_arms_are_called_free_of_a_regression_only_when_it_is_excluded(study):
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(100):  # the truth lies on the margin: to exclude it is the error that is held at 5 %
        found = conclude(noisy(0.03, 1 + CPU_MARGIN, int(rng.integers(1 << 30))), (), CPU, None)
        wrong += found.outcome == "no regression"
    assert wrong <= 12  # 5 % of 100 and three standard deviations


def test_the_calibration_of_this_machine_stands_below_the_figures(study):
    lines = "\n".join(said(study, noisy(0.005), origin="From run x.").lines)
    assert "identical work called different (15 pairs): 1 of 60 [0 to 9 %]" in lines and "From run x." in lines
    assert "smallest effect found 4 times in 5, 15 pairs (30 ms): 0.7 %" in lines and "+2 % of work" not in lines
    assert NONE_YET in said(study, noisy(0.005), [], NONE_YET).lines
    body = json.loads(json_text(said(study, noisy(0.2)).as_dict()))
    assert body["calibration"]["rows"] == ROWS and body["outcome"] == "undecided" and body["not_excluded"]
    assert body["says"] and body["next"] and body["exit_code"] == 0


def test_without_a_number_of_blocks_the_gate_stops_on_precision(study):
    free, fixed = gate_plan(study, {}, USUAL), gate_plan(study, {"blocks": 8}, USUAL)
    assert free.stop is not None and (free.stop.first, free.most, free.watch) == (FIRST, MOST, USUAL)
    assert free.stop.target == pytest.approx(NARROW * math.log1p(min(CPU_MARGIN, MEMORY_MARGIN))) and free.cap_s > 0
    assert fixed.stop is None and fixed.blocks == 8
    narrow = gate_plan(study, {"margin": 0.02, "cap_s": 60.0}, CPU)
    assert narrow.stop is not None and narrow.stop.target == pytest.approx(NARROW * math.log1p(0.02))
    assert narrow.cap_s == 60.0 and narrow.watch == CPU
    assert gate_plan(study, {}, ("added_p50_ms",)).stop is None  # milliseconds have no logarithm to look at


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.column)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_gate_whose_null_arm_fails_in_any_figure_says_no_better_or_worse(study, figure, sign):
    rng = np.random.default_rng(5)
    assert printed_by_gate(study, make_case(study, rng, Planted()))
    for _ in range(3):
        assert printed_by_gate(study, make_case(study, rng, Planted(GATE, figure.column, sign))) == []
