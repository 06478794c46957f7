"""The system's own counters are held against what its clients saw: an overload that they do not show is named."""

from __future__ import annotations

import http.server
import threading
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from perflab.experiments import self_report, watch
from perflab.experiments.conclude.monitoring import conclude
from perflab.instrument.metrics_page import LARGEST, keep_page
from perflab.monitor import own_counts
from perflab.monitor.metric_map import Series

NS = 1_000_000_000
PAGE = """# TYPE gateway_turns counter
gateway_turns_total{outcome="ok"} 50.0
gateway_turns_total{outcome="interrupted"} 5.0
# TYPE gateway_session_errors counter
gateway_session_errors_total 1.0
# TYPE gateway_turns_unanswered counter
gateway_turns_unanswered_total %d
# TYPE gateway_turn_stage_seconds histogram
gateway_turn_stage_seconds_bucket{le="2.0",stage="response"} 40.0
gateway_turn_stage_seconds_bucket{le="+Inf",stage="response"} 50.0
gateway_turn_stage_seconds_bucket{le="2.0",stage="tool"} 3.0
gateway_turn_stage_seconds_count{stage="response"} 50.0
gateway_turn_stage_seconds_count{stage="tool"} 3.0
"""


@pytest.fixture
def seen(study, monkeypatch):
    """Return what is compared when a page counts `unanswered` turns and the clients saw `failed` of 60 fail."""

    def compare(unanswered: int | None, failed: int) -> list[self_report.Compared]:
        outcomes = ["timeout"] * failed + ["ok"] * (60 - failed)
        took = [3 * NS if i < failed + 12 else NS for i in range(60)]
        units = pd.DataFrame({"kind": "turn", "outcome": outcomes, "tag": "", "name": "talk", "intended_ns": 0,
                              "start_ns": 1, "first_ns": took, "end_ns": took})  # fmt: skip
        spec = SimpleNamespace(name="matrix-baseline", variant="baseline", conditions={})
        monkeypatch.setattr(self_report, "_trials", lambda _: [SimpleNamespace(spec=spec, units=units)])
        folder = study.run.folder("trials") / spec.name
        folder.mkdir(parents=True, exist_ok=True)
        if unanswered is not None:
            (folder / self_report.PAGE).write_text(PAGE % unanswered)
        return self_report.compared(study, watch.rules(study).series)

    return compare


def by_figure(rows: list[self_report.Compared]) -> dict[str, self_report.Compared]:
    return {row.figure: row for row in rows}


def test_an_overload_that_the_counters_do_not_show_is_named(study, seen):
    rows = seen(0, 20)
    turns = by_figure(rows)["turns that failed"]
    assert turns.own == (1, 56) and turns.clients == (20, 60) and turns.apart == pytest.approx(1 / 3 - 1 / 56)
    assert "the clients saw 20 of 60 (33.3 %), the system counted 1 of 56 (1.79 %)" in self_report.sentence(rows)
    rules = watch.rules(study)
    *_, told = conclude(study, rules, watch.Checked(*[watch.Outcome("passed", "")] * 2, (), 3), rows)
    assert told.verdict == "reported" and "NoUnitFinished" in told.next_step
    assert told.details["self_report"][0]["apart (points)"] == 31.5


def test_counters_that_tell_the_same_ask_for_nothing(study, seen):
    rows = [row for row in seen(4, 5) if row.apart is not None]
    turns = by_figure(rows)["turns that failed"]
    assert turns.own == (5, 60) and turns.apart == 0.0
    slow = by_figure(rows)["voice_response_time above 2 s"]
    assert slow.own == (10, 50) and slow.clients == (12, 55)  # of one stage only, and of answers only
    assert "within 1 point" in self_report.sentence([turns])


def test_a_page_that_was_not_kept_tells_nothing(study, seen):
    rows = seen(None, 5)
    assert rows and all(row.own is None and row.apart is None for row in rows)
    assert "Nothing was compared" in self_report.sentence(rows)
    *_, told = conclude(study, watch.rules(study), watch.Checked(*[watch.Outcome("passed", "")] * 2, (), 3), rows)
    assert told.verdict == "not-yet-judged"
    assert self_report.compared(study, None) == []


def test_a_histogram_without_the_edge_tells_nothing():
    page = own_counts.samples(PAGE % 0)
    stage = Series("gateway_turn_stage_seconds", 'stage="response"')
    assert own_counts.above(page, stage, 2.0) == (10, 50) and own_counts.above(page, stage, 3.0) is None


@pytest.mark.parametrize(
    ("matchers", "sum_"), [("", 55), ('outcome="ok"', 50), ('outcome!="ok"', 5), ('outcome=~"o.|x"', 50),
                           ('outcome!~"o.*", outcome=~".+"', 5), (r'outcome=~"\\w\\w"', 50)],
)  # fmt: skip
def test_matchers_are_those_of_prometheus(matchers, sum_):
    assert own_counts.counted(own_counts.samples(PAGE % 0), Series("gateway_turns_total", matchers)) == sum_


def test_an_expression_that_only_prometheus_knows_is_not_told(study, seen):
    series = replace(
        watch.rules(study).series, bad=(Series("gateway_turns_total", r'outcome=~"\\pL+"', 'outcome="ok"'),)
    )
    with pytest.raises(ValueError, match="not one of Python's"):
        own_counts.counted(own_counts.samples(PAGE % 0), series.bad[0])
    seen(0, 20)
    assert by_figure(self_report.compared(study, series))["turns that failed"].own is None


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {"/metrics": b"up 1\n", "/large": b"x" * (LARGEST + 1)}.get(self.path)
        self.send_response(200 if body else 500)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        pass


def test_a_page_is_kept_and_nothing_that_is_none(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at, path = f"http://127.0.0.1:{server.server_port}", tmp_path / "metrics.prom"
    try:
        for url in (f"{at}/broken", f"{at}/large", "http://127.0.0.1:1/metrics", "file:///etc/hostname", ""):
            assert not keep_page(url, path) and not path.exists()
        assert keep_page(f"{at}/metrics", path) and path.read_text() == "up 1\n"
    finally:
        server.shutdown()
        server.server_close()
