"""The history in the terminal and on its page: series counted, moves named, nothing fetched, everything escaped."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from perflab.cli.history import show_history
from perflab.errors import UsageError
from perflab.history.store import HistoryStore
from perflab.report.audit import audit_page
from perflab.report.figures.timeline import timeline
from perflab.report.history_page import build_history_page
from perflab.report.run_index import build_index
from tests.history.runs import FINGERPRINT, comparison, make_run, target
from tests.report.fake_run import HOSTILE
from tests.report.page_facts import PageFacts


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Forty runs with a step at the twentieth and three slow ones at the end, one on another machine, one hostile."""
    folder = tmp_path_factory.mktemp("reports")
    for number in range(40):
        make_run(folder, number, cpu=50.0 if number < 20 else 54.0 if number < 37 else 62.0)
    make_run(folder, 50, fingerprint={**FINGERPRINT, "cores": 64})
    make_run(folder, 51, [comparison([1.0, 2, 3, 4, 5, 6], [1.0, 2, 3, 4, 5, 6]), target("S-1", HOSTILE, 9.0)])
    HistoryStore(folder).rebuild()
    return folder


@pytest.fixture
def use(reports, monkeypatch):
    monkeypatch.setenv("PERFLAB_REPORTS", str(reports))


def test_the_listing_counts_series_and_never_joins_machines(use, capsys):
    assert show_history("", "", "", False, False) == 0
    out = capsys.readouterr().out
    assert "2 unlike environments, never joined into one series" in out
    assert out.startswith("7 series of 42 runs")


def test_a_timeline_shows_change_points_with_date_and_commit(use, capsys):
    show_history("CPU per turn", "", "", False, True)
    lines = {(line["variant"], line["fingerprint"]): line for line in json.loads(capsys.readouterr().out)}
    line = next(v for (variant, _), v in lines.items() if variant == "baseline" and len(v["points"]) > 30)
    assert any(point["run_id"].endswith("0014") for point in line["change_points"])
    show_history("CPU per turn", "", "", False, False)
    out = capsys.readouterr().out
    assert "^ 2026-01-01 commit 000000000014: 50." in out and "p = 0.001" in out


def test_adding_a_run_is_said_once(use, reports, capsys):
    make_run(reports, 60)
    for said in ("added with 3 figures", "is in the history already"):
        show_history("", "", "latest", False, True)
        assert said in capsys.readouterr().err


def test_an_unknown_metric_lists_those_there_are(use):
    with pytest.raises(UsageError, match="No metric 'nope' in the history"):
        show_history("nope", "", "", False, False)


def test_an_empty_history_says_how_to_fill_it(capsys):
    assert show_history("", "", "", False, False) == 0
    assert "perflab spike" in capsys.readouterr().out


def test_the_page_stands_alone_and_is_linked_from_the_index(reports):
    path = build_history_page(reports)
    assert path is not None and audit_page(path) == []
    page = PageFacts(path)
    assert page.unclosed == 0 and "script" not in page.tags and HOSTILE in page.text
    assert {"What looks worse", "Timelines", "Every series"} <= set(page.headings)
    assert page.labels and all("over 4" in label and "runs" in label for label in page.labels if "CPU" in label)
    index = PageFacts(build_index(reports))
    assert "history/index.html" in index.links and (reports / "history/index.html").exists()


def test_without_a_history_there_is_no_page_and_no_link(tmp_path):
    make_run(tmp_path, 1)
    assert build_history_page(tmp_path) is None
    assert "history/index.html" not in PageFacts(build_index(tmp_path)).links


def test_the_figure_says_its_moves_in_words():
    points = [
        {"label": f"01-{i:02d}\nabc{i}", "value": 50.0 + 10 * (i > 9), "low": 49.0, "high": None} for i in range(20)
    ]
    figure = timeline(points, "CPU per turn", "ms", [(10, 50.0, 60.0)], suspect=17)
    root = ElementTree.fromstring(figure.svg)
    texts = {" ".join("".join(node.itertext()).split()) for node in root.iter() if node.tag.endswith("}text")}
    assert {"CPU per turn (ms)", "run: date and commit", "+20 %", "candidate"} <= texts
    assert figure.alt == (
        "CPU per turn over 20 runs: between 50 and 60 ms; change points: from 50 to 60 ms at 01-10 abc10; "
        "the last 3 are a candidate."
    )
    assert figure.svg == timeline(points, "CPU per turn", "ms", [(10, 50.0, 60.0)], suspect=17).svg


def test_pages_listing_and_json_mark_a_changed_file_and_count_what_cannot_be_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path))
    for number in range(20):
        make_run(tmp_path, number, cpu=50.0 if number < 17 else 60.0, system_digest="d" if number < 17 else "e")
    for number in range(30, 33):
        make_run(tmp_path, number, system_name="young")
    HistoryStore(tmp_path).rebuild()
    show_history("", "", "", False, False)
    assert (
        "4 of 6 series cannot be judged yet, because they have fewer than 9 runs (3); more than half"
        in capsys.readouterr().out
    )
    show_history("", "young", "", False, False)
    assert "Nothing looks worse" not in capsys.readouterr().out
    show_history("CPU per turn", "shop", "", False, False)
    out = capsys.readouterr().out
    assert "# 2026-01-01 commit 000000000011: the system's file changed" in out and "gate; the system's file" in out
    show_history("CPU per turn", "shop", "", False, True)
    line = next(v for v in json.loads(capsys.readouterr().out) if v["variant"] == "baseline")
    assert line["file_changes"][0]["digest"] == "e" and "file changed" in line["candidate"]["file_change"]
    path = build_history_page(tmp_path)
    assert path is not None and audit_page(path) == []
    page = PageFacts(path)
    assert "4 of 6 series cannot be judged yet" in page.text and "the system's file changed there" in page.text
    assert any("The system's file changed at" in label for label in page.labels)


def test_the_json_of_a_history_with_a_figure_that_is_no_number_is_strict(tmp_path, monkeypatch, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path))
    make_run(tmp_path, 1)
    HistoryStore(tmp_path).rebuild()
    file = next((tmp_path / "history/runs").iterdir())
    rows = pq.read_table(file)
    pq.write_table(rows.set_column(rows.schema.get_field_index("value"), "value", pa.array([float("nan")] * 3)), file)
    show_history("", "", "", False, True)
    out = capsys.readouterr().out
    assert "NaN" not in out and json.loads(out)[0]["points"][0]["value"] is None
