"""The API's targets and its bar are judged by one rung: surely met, missed by a latency at that rate, or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perflab.experiments.api_streaming import conclude, knee
from perflab.experiments.strategies.arrivals import Arrivals
from perflab.findings.finding import Finding

SECONDS = 14.0
TARGETS = ("S4-LAT-2a", "S4-LAT-2b", "S4-THR-2")


@pytest.fixture(name="study")
def of_the_api(study: Any) -> Any:
    return replace(study, notebook="23_api_streaming")


def rung(
    simple_ms: float, complex_ms: float, *, late_ms: float = 1.0, failed: int = 0, per_min: int = 6_000,
    seconds: float = SECONDS,
) -> Any:  # fmt: skip
    """Return a recorded rung whose answers take about as long as given."""
    chance = np.random.default_rng(3)
    n = int(per_min / 60 * seconds)
    is_simple = np.arange(n) % 10 > 0
    latency = np.where(is_simple, simple_ms, complex_ms) * chance.lognormal(0, 0.1, n)
    met = Arrivals(latency, np.full(n + failed, late_ms), failed, np.arange(n))
    by_tag = {"simple": latency[is_simple], "complex": latency[~is_simple]}
    ended = np.sort(chance.uniform(0, seconds, n))
    return knee.Rung("optimised", per_min, seconds, met, by_tag, ended, 20.0, 15.0)


def judged(study: Any, one: knee.Rung) -> dict[str, Finding]:
    return {f.target_id: f for f in conclude._targets(study, [one])}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (rung(5, 900), ("meets", "meets", "meets")),
        (rung(900, 900), ("misses", "meets", "misses")),  # late answers support no rate
        (rung(5, 3_000), ("meets", "misses", "misses")),
        (rung(5, 900, per_min=600), ("meets", "not-yet-judged", "misses")),  # in time, and too few
        (rung(5, 900, late_ms=50), ("untrusted",) * 3),
        (rung(5, 900, failed=100), ("untrusted",) * 3),
    ],
)
def test_each_target_is_judged_at_one_rung(study: Any, one: knee.Rung, expected: tuple[str, ...]) -> None:
    found = judged(study, one)
    assert tuple(found) == TARGETS and tuple(f.verdict for f in found.values()) == expected
    assert [f.id for f in found.values()] == [f"F23-target.{number}" for number in (1, 2, 3)]


def test_a_rate_that_is_answered_late_names_what_was_late_and_keeps_its_figure(study: Any) -> None:
    found = judged(study, rung(5, 3_000))
    late, rate = found["S4-LAT-2b"], found["S4-THR-2"]
    assert f", but {late.claim}" in rate.claim and rate.next_step == late.next_step != ""
    assert rate.effect and rate.effect.low and rate.effect.low > 5_000  # what was answered stays what is published


def test_a_rate_that_misses_by_itself_blames_no_latency(study: Any) -> None:
    rate = judged(study, rung(5, 900, per_min=600))["S4-THR-2"]
    assert "but" not in rate.claim and rate.next_step.startswith("Find what breaks first")


def test_the_requests_of_a_figure_stand_behind_it(study: Any) -> None:
    one = rung(5, 900)
    sizes = [one.latency_ms["simple"].size, one.latency_ms["complex"].size, one.met.latency_ms.size]
    assert [f.effect.n for f in judged(study, one).values() if f.effect] == sizes


@pytest.mark.parametrize(
    ("one", "verdict", "words"),
    [
        (rung(5, 900), "reported", "under 100 ms holds."),
        (rung(300, 900), "reported", "under 100 ms is missed."),
        (rung(5, 3_000), "reported", "under 100 ms is missed."),  # by its complex requests
        (rung(5, 900, late_ms=50), "untrusted", "6,000/min"),
    ],
)
def test_the_bar_is_an_observation_that_says_it_is_no_target(
    study: Any, one: knee.Rung, verdict: str, words: str
) -> None:
    found = conclude._knee(study, [one])
    assert (found.kind, found.verdict, found.target_id) == ("observation", verdict, "")
    assert words in found.claim and any("no target of the catalogue" in caveat for caveat in found.caveats)


def test_a_system_without_targets_is_judged_on_nothing(study: Any) -> None:
    own = study.system.model_copy(update={"targets": ""})
    assert judged(replace(study, system=own), rung(5, 900)) == {}
