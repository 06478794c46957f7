"""The bars of the API are made of recorded rungs: they hold, are missed, or have no value where a check refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.benches.state import api
from perflab.experiments.api_streaming import knee
from perflab.strict_json import json_text
from tests.experiments.test_api_targets import rung

IDS = ["api-1k-rate", "api-1k-simple", "api-1k-complex"]


def asked(simple_ms: float, complex_ms: float, seconds: float = api.ASKED_S, **more: Any) -> Any:
    return rung(simple_ms, complex_ms, per_min=api.OFFERED_PER_MIN, seconds=seconds, **more)


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        (asked(5, 900), [True, True, True]),
        (asked(900, 900), [False, False, True]),  # late answers support no rate
        (asked(5, 3_000), [False, True, False]),
        (rung(5, 900, per_min=900, seconds=api.ASKED_S), [False, True, True]),
    ],
)
def test_the_asked_rate_holds_where_all_of_it_is_in_time(one: knee.Rung, holds: list[bool]) -> None:
    found = api.asked_bars(one)
    assert [bar.id for bar in found] == IDS and [bar.holds for bar in found] == holds
    assert all(bar.value is not None for bar in found)


def test_a_late_rate_is_none_and_what_was_answered_stands_beside_it() -> None:
    rate, simple, _ = api.asked_bars(asked(900, 900))
    assert (rate.value, rate.detail["late"]) == (0.0, ["api-1k-simple"]) and rate.detail["answered_per_min"] > 1_100
    assert simple.interval and simple.interval[0] > 500


@pytest.mark.parametrize(
    ("more", "reason"), [({"late_ms": 50.0}, "load generator on time"), ({"failed": 100}, "no requests lost")]
)
def test_a_rung_that_its_checks_refuse_has_no_bar(more: dict[str, Any], reason: str) -> None:
    found = [*api.asked_bars(asked(5, 900, **more)), api.knee_bar([rung(5, 900, **more)])]
    assert [bar.value for bar in found] == [None] * 4 and not any(bar.holds for bar in found)
    assert all(reason in bar.detail["reason"] for bar in found)


def test_too_few_complex_requests_leave_them_and_the_rate_without_a_value() -> None:
    rate, simple, slow = api.asked_bars(asked(5, 900, seconds=10.0))
    assert simple.holds and (rate.value, slow.value) == (None, None)
    assert "too few" in slow.detail["reason"] and "api-1k-complex has no value" in rate.detail["reason"]


def test_the_bar_of_6000_has_its_interval_and_the_knee_beside_it() -> None:
    bar = api.knee_bar([rung(5, 900), rung(8, 900, per_min=12_000), rung(300, 900, per_min=24_000)])
    assert (bar.id, bar.holds, bar.open, bar.limit) == ("api-6k-p95", True, False, 100.0)
    assert bar.value and bar.interval and bar.interval[0] < bar.value < bar.interval[1] < 10
    assert bar.detail["knee_per_min"] == 12_000 and "optimised holds 12,000/min" in bar.detail["knee"]
    missed = api.knee_bar([rung(300, 900)])
    assert not missed.holds and missed.value and missed.detail["knee_per_min"] is None
    json.loads(json_text([bar.as_dict(), missed.as_dict()]), parse_constant=pytest.fail)


def test_rates_below_the_ladder_are_asked_first_and_end_no_climb(tmp_path: Path, monkeypatch: Any) -> None:
    asked_of: list[tuple[int, float, int]] = []

    def one(study: Any, arm: Any, per_min: int, seconds: float, number: int) -> Any:
        asked_of.append((per_min, seconds, number))
        return SimpleNamespace(per_min=per_min, held=knee.JUDGED_PER_MIN <= per_min < 24_000)

    @contextmanager
    def nothing(*_: Any) -> Iterator[None]:
        yield None

    monkeypatch.setattr(knee, "_rung", one)
    monkeypatch.setattr(knee, "started", nothing)
    study: Any = SimpleNamespace(
        quick=True, time_scale=1.0, progress=lambda *_: None, run=SimpleNamespace(folder=lambda _: tmp_path)
    )
    rungs = knee.climb(study, "optimised", below=((1_200, 75.0),))
    assert [r.per_min for r in rungs] == [1_200, 6_000, 12_000, 24_000]
    assert asked_of[1][:2] == (1_200, 75.0) and len({number for *_, number in asked_of}) == len(asked_of)
    assert [r.per_min for r in knee.climb(study, "optimised", judged_first=False)] == [24_000]
