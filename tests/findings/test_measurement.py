"""Several targets on one measurement are one fact."""

from __future__ import annotations

from typing import Any

from perflab.findings.conditions import conditions_of
from perflab.findings.finding import Effect, Finding
from perflab.findings.measurement import by_measurement, figure_of, one_measurement

SLOW, FAST = "latency=slow,generator=near", "latency=fast,generator=near"


def read(target_id: str, value: float = 1.91, unit: str = "s", **changes: Any) -> Finding:
    """A figure of the response time, as a target with a limit in that unit has it."""
    scale = 1000.0 if unit == "ms" else 1.0
    figure = Effect(metric="response_time", value=value * scale, low=(value - 0.1) * scale, high=(value + 0.1) * scale,
                    unit=unit, n=155, method="sectioning")  # fmt: skip
    claim = f"response_time p95 < 2 s: {value} s against < 2 s."
    given: dict[str, Any] = {"id": f"F30-{target_id}", "notebook": "30_prototype", "question": "?", "claim": claim,
                             "kind": "target", "verdict": "misses", "level": "measured-full", "target_id": target_id,
                             "effect": figure, "scenario": "normal", "condition": SLOW,
                             "variant": "optimised"}  # fmt: skip
    return Finding(**{**given, **changes})


def test_the_same_figure_asked_for_thrice_is_one_measurement() -> None:
    three = [read("T-1"), read("T-2"), read("T-3", unit="ms")]
    assert [len(group) for group in by_measurement(three)] == [3]
    assert one_measurement(three) == "one measurement: response time p95 1.91 s (1.81 s to 2.01 s)"
    both = conditions_of([*three, read("T-4", condition=FAST)])
    assert figure_of(three[0], both).endswith("2.01 s) under latency=slow")


def test_another_load_condition_value_or_count_is_another_measurement() -> None:
    one = read("T-1")
    assert one.effect is not None
    others = [read("T-2", scenario="peak"), read("T-3", condition=FAST), read("T-4", value=1.92),
              read("T-5", variant="baseline"),
              read("T-6", effect=one.effect.model_copy(update={"n": 156}))]  # fmt: skip
    assert [len(group) for group in by_measurement([one, *others])] == [1] * 6
    assert one_measurement([one, *others]) == ""


def test_of_several_those_that_share_are_named() -> None:
    found = [read("T-3"), read("T-9", value=0.5), read("T-1")]
    assert one_measurement(found, figures=False) == "T-1 and T-3 are one measurement"
    assert one_measurement(found).startswith("T-1 and T-3 are one measurement: response time p95 1.91 s")


def test_what_has_no_figure_rests_on_none() -> None:
    found = [read("T-1", effect=None), read("T-2", effect=None)]
    assert [len(group) for group in by_measurement(found)] == [1, 1] and one_measurement(found) == ""
