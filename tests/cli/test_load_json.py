"""`perflab load --json` prints JSON, whatever was measured."""

from __future__ import annotations

import json
import math

import pytest

from perflab.cli.load import _print
from perflab.experiments.ladder import Level
from perflab.findings.trust import generator_late


def refuse(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")


def test_a_figure_that_is_not_known_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    level = Level("load", 3, 9.0, 0, None, None, None, 0.0, math.nan, 90.0, 0, 0)
    generator = {"late_p50_ms": math.nan, "late_p99_ms": math.inf, "cpu_percent": 12.5}
    _print(level, [generator_late(math.nan, 0)], generator, as_json=True)
    said = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert said["generator"] == {"late_p50_ms": None, "late_p99_ms": None, "cpu_percent": 12.5}
    assert said["level"]["cpu_percent"] is None and said["level"]["memory_mb"] == 90.0
    assert said["trust"][0]["passed"] is False
