"""Verdicts on targets, and the checks that may veto them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.errors import NotComparable
from perflab.findings import trust
from perflab.findings.catalogue import Target
from perflab.findings.finding import dump_findings, load_findings
from perflab.findings.judge import judge_target, target_finding
from perflab.stats.compare import compare_differences, compare_paired
from perflab.stats.interval import Interval
from perflab.stats.proportion import clopper_pearson


def target(operator="<", value=2.0, unit="s", **more):
    return Target(id="T-1", domain="shop", metric="m", operator=operator, value=value, unit=unit, **more)


def around(low, high, value=None):
    return Interval(value if value is not None else (low or high), low, high, 0.95, 300, "test")


@pytest.mark.parametrize(
    ("operator", "low", "high", "verdict"),
    [
        ("<", 1.0, 1.9, "meets"), ("<", 2.1, 3.0, "misses"), ("<", 1.5, 2.5, "inconclusive"),
        ("<", 1.0, 2.0, "inconclusive"), ("<=", 1.0, 2.0, "meets"), ("<", 2.0, 3.0, "misses"),
        ("<=", 2.0, 3.0, "inconclusive"), (">=", 2.0, 3.0, "meets"), (">", 2.0, 3.0, "inconclusive"),
        (">=", 1.0, 1.9, "misses"), (">", 1.0, 2.0, "misses"), (">=", 1.0, 2.0, "inconclusive"),
        (">=", 1.9, 2.5, "inconclusive"), ("<", 1.0, None, "inconclusive"), ("<", 2.5, None, "misses"),
        ("<", None, 1.9, "meets"), ("<", None, 2.5, "inconclusive"), (">=", None, 1.9, "misses"),
        (">=", 2.5, None, "meets"), (">=", 1.0, None, "inconclusive"),
    ],
)  # fmt: skip
def test_verdict_follows_the_whole_interval(operator, low, high, verdict):
    assert judge_target(target(operator), around(low, high), level="measured-full").verdict == verdict


@given(st.floats(0.01, 10), st.floats(0.01, 10), st.sampled_from(["<", "<=", ">", ">="]))
def test_a_target_and_its_opposite_never_agree(a, b, operator):
    interval = around(min(a, b), max(a, b))
    opposite = {"<": ">=", ">=": "<", ">": "<=", "<=": ">"}[operator]
    verdicts = {judge_target(target(o), interval, level="measured-full").verdict for o in (operator, opposite)}
    assert verdicts in ({"meets", "misses"}, {"inconclusive"})


def test_units_are_converted_or_refused():
    judged = judge_target(target(), around(900.0, 1900.0, 1200.0), unit="ms", level="measured-full")
    assert judged.verdict == "meets" and judged.interval.value == pytest.approx(1.2)
    assert (
        judge_target(target(value=1, unit="%"), around(0.001, 0.004), unit="ratio", level="measured-full").verdict
        == "meets"
    )
    with pytest.raises(NotComparable):
        judge_target(target(), around(1, 2), unit="MB", level="measured-full")


def test_quick_meets_say_so_and_quick_misses_do_not():
    assert judge_target(target(), around(1, 1.5), level="measured-quick").printed == "meets (measured-quick)"
    assert judge_target(target(), around(1, 1.5), level="measured-full").printed == "meets"
    assert judge_target(target(), around(3, 4), level="measured-quick").printed == "misses"


def test_reasons_why_nothing_can_be_said():
    device = judge_target(target(evaluation="device-only"), around(1, 1.5), level="proxy")
    assert device.verdict == "not-measurable-here" and "Import field data" in device.next_step
    assert judge_target(target(evaluation="device-only"), around(1, 1.5), level="imported").verdict == "meets"
    model = judge_target(
        target(evaluation="simulated", notebooks=["40_scalability"]), around(1, 1.5), level="measured-full"
    )
    assert model.verdict == "not-yet-judged" and "40_scalability" in model.reason
    foreign = judge_target(target(), around(1, 1.5), level="measured-full", domain="bank")
    assert foreign.verdict == "not-yet-judged" and "domain shop" in foreign.reason
    few = judge_target(
        target(notebooks=["30_prototype"]), None, level="none", reason="too few turns", next_step="Measure longer"
    )
    assert (few.reason, few.next_step) == ("too few turns", "Measure longer")  # to run it again would give the same
    later = judge_target(target(notebooks=["30_prototype"]), None, level="none")
    assert (later.verdict, later.next_step) == ("not-yet-judged", "Run 30_prototype")
    assert judge_target(target(), around(1, 1.5), level="measured-full", numeric=False).verdict == "reported"


def test_zero_errors_need_enough_trials():
    rate = target(value=0.1, unit="%")
    assert judge_target(rate, clopper_pearson(0, 2000), unit="ratio", level="measured-full").verdict == "inconclusive"
    assert judge_target(rate, clopper_pearson(0, 3000), unit="ratio", level="measured-full").verdict == "meets"
    assert judge_target(rate, clopper_pearson(30, 3000), unit="ratio", level="measured-full").verdict == "misses"


def test_a_failed_veto_takes_the_verdict_and_a_warning_does_not():
    late = trust.generator_late(7.5, 1000)
    judged = judge_target(target(), around(1, 1.5), level="measured-full", trust=[late])
    assert judged.verdict == "untrusted" and "p99 7.50 ms" in judged.reason and judged.next_step
    warned = judge_target(target(), around(1, 1.5), level="measured-full", trust=[trust.generator_cpu(0.7)])
    assert warned.verdict == "meets"


def test_finding_survives_the_file(tmp_path):
    judged = judge_target(target(limits="stand-in"), around(1000, 1500), unit="ms", level="measured-quick")
    made = target_finding(target(limits="stand-in"), judged, id="F30-1", notebook="30_prototype", question="Fast?",
                          variant="optimised", trust=[trust.generator_late(1.0, 10)], caveats=("short",))  # fmt: skip
    (tmp_path / "30.json").write_bytes(dump_findings([made]))
    (back,) = load_findings(tmp_path)
    assert back == made and back.caveats == ("short", "T-1: stand-in")
    assert back.effect.unit == "s" and back.effect.low == pytest.approx(1.0) and back.effect.n == 300
    assert back.claim == "m p95 < 2 s: 1.00 s (1.00 s to 1.50 s) against < 2 s."


@pytest.mark.parametrize(
    ("check", "passed", "veto"),
    [
        (trust.generator_late(4.9, 10), True, True),
        (trust.generator_late(5.1, 10), False, True),
        (trust.generator_late(4.9, 10, veto_ms=20.0), True, True),
        (trust.generator_late(19.0, 10, veto_ms=20.0), False, False),
        (trust.generator_late(21.0, 10, veto_ms=20.0), False, True),
        (trust.generator_late(math.nan, 10, veto_ms=20.0), False, True),
        (trust.generator_late(math.nan, 0), False, True),
        (trust.generator_cpu(0.5), True, False),
        (trust.generator_cpu(0.7), False, False),
        (trust.generator_cpu(0.9), False, True),
        (trust.generator_cpu(math.nan), False, True),
        (trust.own_core({0}, {1}), True, False),
        (trust.own_core({0, 1}, {1}), False, False),
        (trust.own_core({0}, {0}, veto=True), False, True),
        (trust.cpu_wait(0.1), True, True),
        (trust.cpu_wait(0.3), False, True),
        (trust.cpu_wait(0.3, self_inflicted=True), False, False),
        (trust.cpu_pressure(0.9), False, False),
        (trust.nothing_lost(0, 100), True, True),
        (trust.nothing_lost(1, 100), False, True),
        (trust.nothing_lost(0, 0), False, True),
        (trust.failing_alike((0, 240), (4, 240)), True, True),
        (trust.failing_alike((0, 240), (5, 240)), False, True),
        (trust.failing_alike((38, 40), (0, 40)), False, True),
        (trust.failing_alike((0, 40), (0, 0)), False, True),
        (trust.nothing_lost(1, 10_000, "frames", limit=trust.LOST_FRAMES), True, True),
        (trust.clocks_agree("gateway_added", 1.5, 2.0, 100), True, True),
        (trust.clocks_agree("gateway_added", math.nan, 2.0, 0), False, True),
        (trust.clocks_agree("gateway_added", -50.0, 2.0, 100, veto=False), False, False),
        (trust.world_on_time("live", 20.0, 20.0, 100, late=1, units=100), True, True),
        (trust.world_on_time("live", 20.1, 20.0, 100, late=2, units=100), False, True),
        (trust.world_on_time("tool", 47.0, 20.0, 50, late=1, units=145), True, True),
        (trust.world_on_time("tool", 47.0, 20.0, 50, late=2, units=145), False, True),
        (trust.world_on_time("live", math.nan, 20.0, 0, late=0, units=5), False, False),
        (trust.one_environment([{"a": 1}, {"a": 1}]), True, True),
        (trust.one_environment([{"a": 1}, {"a": 2}]), False, True),
        (trust.one_environment([]), False, True),
    ],
)
def test_each_check_at_its_limit(check, passed, veto):
    assert check.passed is passed
    assert (check.veto or passed) is (veto or passed)
    assert bool(check.next_step) is (not passed) or check.limit == "all equal"
    assert (check in trust.vetoes([check])) is (not passed and check.veto)
    assert (check in trust.warnings([check])) is (not passed and not check.veto)


def test_null_arm_fails_only_beyond_the_margin():
    rng = np.random.default_rng(3)
    base = 50 * np.exp(rng.normal(0, 0.3, 16))
    noise = np.exp(rng.normal(0, 0.003, 16))
    for shift, passed in ((1.0, True), (1.02, True), (1.15, False), (0.85, False)):
        found = trust.null_arm(compare_paired(base, base * shift * noise, lower_is_better=True, margin=0.05))
        assert found.passed is passed and "pairs" in found.observed
    differences = compare_differences(base, base + 9 + noise, lower_is_better=True, margin=2, unit="ms")
    assert not trust.null_arm(differences).passed
