"""Every figure family: units on the axes, a target line, words for those who cannot see it, the same bytes twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from perflab.errors import StatisticError
from perflab.report.figures.break_even import break_even
from perflab.report.figures.degradation import degradation
from perflab.report.figures.ecdf import ecdf
from perflab.report.figures.false_alarms import false_alarms
from perflab.report.figures.figure import Figure, TargetLine
from perflab.report.figures.forest import forest
from perflab.report.figures.interval_lines import interval_lines
from perflab.report.figures.latency_curve import latency_curve
from perflab.report.figures.memory import memory
from perflab.report.figures.noise import noise
from perflab.report.figures.overhead import overhead
from perflab.report.figures.plan_change import plan_change
from perflab.report.figures.power_curve import power_curve
from perflab.report.figures.ranking import ranking
from perflab.report.figures.resources import resources
from perflab.report.figures.stage_waterfall import stage_waterfall
from perflab.report.figures.throughput_curve import throughput_curve
from perflab.report.figures.time_series import time_series
from tests.report.fake_run import HOSTILE, make

AIM = TargetLine(500, "S4-LAT-1 < 500 ms")
USERS = (50, 100, 200)
LADDER = [{"users": u, "percentile": "p95", "value": u * 2.0, "low": u * 1.9, "high": u * 2.2} for u in USERS]
FLAGS = [{"label": f"flag {HOSTILE}", "value": 0.5, "low": 0.4, "high": 0.6, "verdict": "better"},
         {"label": "null", "value": 1.0, "low": None, "high": 1.1, "verdict": "inconclusive"}]  # fmt: skip
FAMILIES: dict[str, tuple[Callable[[], Figure], tuple[str, ...]]] = {
    "ecdf": (
        lambda: ecdf([{"variant": "a", "value": float(v)} for v in range(1000)], "t", AIM),
        ("response time (ms)", "share of units at or below (%)", AIM.label, "a (n = 1,000)"),
    ),
    "latency": (
        lambda: latency_curve(LADDER, "t", AIM, 150),
        ("users at once", "response time (ms)", AIM.label, "knee 150 users"),
    ),
    "plans": (
        lambda: plan_change(
            [
                {"label": "a page", "before": 80.0, "after": 0.4, "plan before": "SCAN h", "plan after": "SEARCH h"},
                {"label": HOSTILE, "before": 2.0, "after": 1.9, "plan before": "SCAN t", "plan after": "SCAN t"},
            ],
            "t",
        ),
        (
            "a page",
            "SCAN h",
            "→ SEARCH h",
            "median time of the query (ms): square before, circle after; grey: the plan is the same",
        ),
    ),
    "throughput": (
        lambda: throughput_curve(
            [{"users": u, "value": u / 5} for u in USERS],
            "t",
            [{"users": u, "fit": u / 5, "low": u / 6, "high": u / 4} for u in USERS],
            None,
            180,
        ),
        ("users at once", "throughput (turns/s)", "knee 180 users", "scaling law, 95 % band"),
    ),
    "stages": (
        lambda: stage_waterfall(
            [
                {"stage": "up", "owner": "system", "p50": 1, "p95": 2, "inside": ""},
                {"stage": "tool", "owner": "system", "p50": 1, "p95": 2, "inside": "up"},
            ],
            "t",
        ),
        (
            "up",
            "tool",
            "the system: p50",
            "the world around it",
            "time since the unit was due (ms); numbers are p50 | p95",
        ),
    ),
    "shared stages": (
        lambda: stage_waterfall([{"stage": "call", "owner": "shared", "p50": 1, "p95": 2, "inside": ""}], "t"),
        ("call", "the world around it, or both"),
    ),
    "forest": (
        lambda: forest(FLAGS, "t", 0.05),
        ("CPU per turn, ratio to the baseline (left is less; shaded: within 5 %)", "-50 %  better"),
    ),
    "series": (
        lambda: time_series(
            [{"second": s, "value": s * 10.0} for s in range(9)],
            "t",
            [{"second": s, "users": s} for s in range(9)],
            AIM,
            5.0,
        ),
        ("time (s)", "response p95 (ms)", "users (shaded)", "recovered at 5.0 s", AIM.label),
    ),
    "resources": (
        lambda: resources([{"second": s, "process": "p", "cpu_percent": 10.0, "rss_mb": 5.0} for s in range(3)], "t"),
        ("CPU (% of one core)", "resident memory (MB)", "time (s)"),
    ),
    "ranking": (
        lambda: ranking(
            [
                {"where": HOSTILE, "instrument": "py-spy", "share": 40.0},
                {"where": "b", "instrument": "scalene", "share": 20.0},
            ],
            "t",
        ),
        ("share (%)", "py-spy", "scalene"),
    ),
    "memory": (
        lambda: memory(
            [{"second": s, "series": "resident", "mb": 10.0} for s in range(3)], "t", TargetLine(12, "budget 12 MB")
        ),
        ("memory (MB)", "time (s)", "budget 12 MB"),
    ),
    "overhead": (
        lambda: overhead([{"instrument": "py-spy", "value": 3.0, "low": 1.0, "high": 5.0}], "t"),
        ("CPU per turn, change against an unwatched run (%)", "py-spy"),
    ),
    "noise": (lambda: noise(np.array([0.99, 1.0, 1.01]), "t", 0.05), ("pairs",)),
    "power": (
        lambda: power_curve(
            [
                {"pairs": 15, "effect": 2.0, "found": 90.0, "low": None, "high": None, "kind": "simulated"},
                {"pairs": 40, "effect": 1.0, "found": 70.0, "low": None, "high": None, "kind": "simulated"},
                {"pairs": 15, "effect": 2.0, "found": 95.0, "low": 75.0, "high": 99.0, "kind": "measured"},
            ],
            "t",
            TargetLine(80, "80 %"),
        ),
        ("true effect (%)", "found (% of comparisons)", "15 pairs", "measured, 15 pairs", "80 %"),
    ),
    "alarms": (
        lambda: false_alarms(
            [{"n": n, "design": d, "share": s} for d, s in (("AAA BBB", 40.0), ("A B B A", 5.0)) for n in (10, 20)],
            "t",
            "trials",
            TargetLine(5, "5 % promised"),
        ),
        ("trials", "false alarms (% of comparisons)", "AAA BBB", "5 % promised"),
    ),
    "intervals": (
        lambda: interval_lines(
            [
                {"method": m, "run": k, "value": 5.0, "low": 4.0, "high": 4.5 + k}
                for m in ("naive", "sectioning")
                for k in range(3)
            ],
            "t",
            5.0,
        ),
        ("naive: 2 of 3 hold the true p99", "p99 (ms)"),
    ),
    "degradation": (
        lambda: degradation([{"users": u, "metric": "p95", "value": u / 50} for u in USERS], "t"),
        ("users at once", "multiple of the value at 50 users"),
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_figure_says_its_units_target_and_words(name: str) -> None:
    make_it, expected = FAMILIES[name]
    figure = make_it()
    root = ElementTree.fromstring(figure.svg)
    texts = [" ".join("".join(node.itertext()).split()) for node in root.iter() if node.tag.endswith("}text")]
    for words in expected:
        assert " ".join(words.split()) in texts
    assert root.attrib["role"] == "img" and root.attrib["aria-label"] == figure.alt
    assert any(character.isdigit() for character in figure.alt) and figure.title == "t"
    assert len(figure.svg) < 60_000


@pytest.mark.parametrize("name", ["ecdf", "forest", "noise"])
def test_same_input_same_bytes(name: str) -> None:
    make_it = FAMILIES[name][0]
    assert make_it().svg == make_it().svg


def test_ids_of_two_figures_do_not_collide() -> None:
    def ids(figure: Figure) -> set[str]:
        return {node.attrib["id"] for node in ElementTree.fromstring(figure.svg).iter() if "id" in node.attrib}

    first, second = FAMILIES["latency"][0](), FAMILIES["series"][0]()
    assert ids(first) and not ids(first) & ids(second)


def test_colours_follow_the_page() -> None:
    svg = FAMILIES["latency"][0]().svg
    assert "var(--fig-blue,#2b6cb0)" in svg and "#000000" not in svg


def test_ecdf_keeps_extremes_and_median_of_many_rows() -> None:
    figure = ecdf([{"variant": "a", "value": float(v)} for v in range(10_000)], "t")
    assert "p50 4,999 ms, p95 9,499 ms, n = 10,000" in figure.alt
    assert len(figure.svg) < 60_000


@pytest.mark.parametrize("rows", [[], [{"users": 1}]])
def test_missing_data_is_an_error_in_one_line(rows: list[dict[str, int]]) -> None:
    with pytest.raises(StatisticError, match="A figure was given no"):
        latency_curve(rows, "t")
    with pytest.raises(StatisticError):
        noise([1.0], "t")


def test_notebook_form_carries_the_words_and_escapes() -> None:
    figure = ecdf([{"variant": "a", "value": 1.0}, {"variant": "a", "value": 2.0}], HOSTILE)
    bundle, _ = figure._repr_mimebundle_()
    assert bundle["text/plain"] == figure.alt and f'aria-label="{figure.alt}"' in bundle["text/html"]
    assert "<script" not in bundle["text/html"]


def test_saved_figure_is_evidence_and_stands_alone(tmp_path: Path) -> None:
    run = make(tmp_path)
    evidence = FAMILIES["memory"][0]().save(run, "memory/../over time")
    assert evidence.path == "figures/memory-..-over-time.svg" and evidence.alt.startswith("Memory over time")
    text = (run.path / evidence.path).read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in text and ElementTree.fromstring(text).tag.endswith("svg")


def test_a_line_that_crosses_nowhere_says_on_which_side_it_is() -> None:
    rows = [{"series": name, "x": x, "gain": gain, "crossing": 0.0}
            for name, gain in (("up", 2.0), ("down", -2.0)) for x in (1.0, 10.0)]  # fmt: skip
    alt = break_even(rows, "t", "x", "y", "ms").alt
    assert "up everywhere" in alt and "down never" in alt
