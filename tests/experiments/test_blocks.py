"""How many blocks are run, and what a finding says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from perflab.experiments import blocks as subject
from perflab.experiments.blocks import ArmFigures, BlockPlan, block_spec, look
from perflab.experiments.conclude.prototype import conclude_blocks
from perflab.experiments.effort import EFFORT, sizes_of
from perflab.experiments.null_arm import NULL
from perflab.experiments.prototype import block_plan, comparison_sentence
from perflab.stats.stopping import StopRule, decide
from tests.experiments.planted import case

PLAN = BlockPlan(6, 5, 1, {}, 10.0)
STOP = replace(PLAN, stop=StopRule(0.02), cap_s=100.0)


def figures(count, sd, arms=("baseline", NULL, "optimised"), seed=1):
    rng = np.random.default_rng(seed)
    return [
        ArmFigures(arm, block, 10 * float(np.exp(rng.normal(0, sd))), 900.0, 1400.0, 20.0, 150.0, 40, 0, 0.5, 0.02)
        for block in range(count) for arm in arms
    ]  # fmt: skip


def test_a_fixed_plan_is_never_asked():
    assert look(figures(6, 0.01), PLAN, 1e9) is None and PLAN.most == 6


def test_the_rule_of_the_plan_decides():
    assert look(figures(15, 0.005), STOP, 1.0).why == "precise"
    assert not look(figures(14, 0.005), STOP, 1.0).stop
    late = look(figures(8, 0.2), STOP, 100.0)
    assert late.why == "out of time" and late.pairs_needed > 0
    assert not look(figures(8, 0.2), replace(STOP, cap_s=0.0), 1e9).stop
    assert not look(figures(3, 0.2), STOP, 1e9).stop  # too few for any interval: go on


def test_a_noisy_null_arm_alone_does_not_prolong():
    rng = np.random.default_rng(2)
    made = [f if f.arm != NULL else replace(f, cpu_ms_per_unit=float(rng.uniform(1, 99))) for f in figures(15, 0.005)]
    assert look(made, STOP, 1.0).why == "precise"


def test_a_figure_without_logarithms_neither_breaks_the_blocks_off_nor_prolongs_them(study):
    """CPU read as 0: that figure cannot be computed, the others decide, and without any the cap does."""
    zero = [replace(f, cpu_ms_per_unit=0.0) if f.block == 3 else f for f in figures(15, 0.005)]
    noisy = [replace(f, p50_ms=900 + i % 7) for i, f in enumerate(zero)]
    assert look(noisy, replace(STOP, watch=("cpu_ms_per_unit", "p50_ms")), 1.0).why == "precise"
    assert not look(zero, STOP, 1.0).stop
    late = look(zero, STOP, 100.0)
    assert late.why == "out of time" and "no figure could be computed" in late.sentence
    made = subject.BlockResult(tuple(zero), (), {}, late)
    found = conclude_blocks(study, made, (), None)[0]
    assert found.verdict == "inconclusive" and "cannot be computed, because" in found.claim
    assert "cannot be computed, because" in comparison_sentence(study, made)


class Played:
    """Stands for a trial that was measured: only what `run_blocks` hands on."""

    def __init__(self, spec):
        self.spec = spec


def play(monkeypatch, study, plan, sd):
    """Run blocks whose trials are read from a table instead of a machine."""
    rng = np.random.default_rng(4)
    monkeypatch.setattr(subject, "run_trial", lambda study, spec: Played(spec))
    monkeypatch.setattr(subject, "equivalence", lambda trials, reference: {})
    monkeypatch.setattr(
        subject, "arm_figures",
        lambda study, trial: ArmFigures(trial.spec.arm, trial.spec.block, 10 * float(np.exp(rng.normal(0, sd))), 900.0,
                                        1400.0, 20.0, 150.0, 40, 0, 0.5, 0.02),
    )  # fmt: skip
    return subject.run_blocks(study, {"baseline": "baseline", NULL: "baseline", "optimised": "optimised"}, plan, "t")


def test_blocks_go_on_until_the_interval_is_narrow(monkeypatch, study):
    quiet = play(monkeypatch, study, STOP, 0.005)
    noisy = play(monkeypatch, study, replace(STOP, cap_s=0.0), 0.035)
    assert quiet.stop.n == 15 and quiet.stop.why == "precise" and len(quiet.figures) == 45
    assert noisy.stop.n > 15 and noisy.stop.why == "precise" and noisy.stop.half_width <= 0.02
    assert play(monkeypatch, study, PLAN, 0.2).stop is None


def test_the_cap_ends_them_after_whole_blocks(monkeypatch, study):
    found = play(monkeypatch, study, replace(STOP, cap_s=1e-9), 0.2)
    assert found.stop.why == "out of time" and found.stop.n == 6 and len(found.figures) == 18


def test_a_cap_leaves_blocks_enough_that_one_of_many_flags_can_be_confirmed(monkeypatch, study):
    plan = replace(block_plan(study, sizes_of("full", 0.05), 1e-9, family=12), options=PLAN.options)
    found = play(monkeypatch, study, plan, 0.2)
    assert found.stop.why == "out of time" and found.stop.n == 9
    assert 12 * 2.0 ** (1 - found.stop.n) <= 0.05 < 12 * 2.0 ** (2 - found.stop.n)
    assert play(monkeypatch, study, replace(plan, stop=block_plan(study, sizes_of("full"), 1.0).stop), 0.2).stop.n == 8


def test_confirming_blocks_are_fresh(study):
    fresh = replace(PLAN, work=500)
    seeds = {block_spec(study, "baseline", "baseline", b, plan, "x").seed for b in range(200) for plan in (PLAN, fresh)}
    assert len(seeds) == 400


def test_quick_is_fixed_and_full_adapts():
    assert EFFORT["quick"].block_half_width == 0 and EFFORT["full"].block_half_width > 0
    assert EFFORT["full"].blocks_cap_s > 0 and EFFORT["full"].confirm_flags > 0
    q = EFFORT["quick"]
    assert q.screen_windows * 2.0 ** (1 - q.screen_windows) <= 0.10


def test_pairs_and_the_reason_stand_in_finding_and_sentence(study):
    made = case(study).blocks
    steps = np.log(made.column("optimised", "cpu_ms_per_unit") / made.column("baseline", "cpu_ms_per_unit"))
    stop = decide(StopRule(1e-5, first=6), steps, out_of_time=True)
    found = conclude_blocks(study, replace(made, stop=stop), (), None)[0]
    assert found.details["pairs"] == stop.n and "the time was up" in found.details["stopped"]
    assert any(f"about {stop.pairs_needed} more needed" in caveat for caveat in found.caveats)
    assert stop.sentence in comparison_sentence(study, replace(made, stop=stop))
    assert "fixed number" in conclude_blocks(study, made, (), None)[0].details["stopped"]


def test_an_inconclusive_pair_asks_for_more(study):
    wide = case(study).blocks
    rng = np.random.default_rng(5)
    noisy = tuple(replace(f, cpu_ms_per_unit=10 * float(np.exp(rng.normal(0, 0.3)))) for f in wide.figures)
    made = replace(wide, figures=noisy)
    if made.failed_null:  # noise may have failed the null arm as well: then there is rightly no next step here
        made = replace(wide, figures=tuple(f for f in noisy if f.arm != NULL))
    cpu = conclude_blocks(study, made, (), None)[0]
    assert cpu.verdict == "inconclusive" and "more pairs needed" in cpu.next_step
