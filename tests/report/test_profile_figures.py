"""The figures and the page of a profile: words for all of it, hostile names inert, never too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.errors import StatisticError
from perflab.report.audit import audit_page
from perflab.report.figures.agreement import agreement
from perflab.report.figures.allocation_timeline import allocation_timeline
from perflab.report.figures.line_table import line_table, rows_table
from perflab.report.figures.ranking import ranking
from perflab.report.page_profile import PICTURES_BYTES, Section, build_profile_page
from tests.report.fake_run import HOSTILE
from tests.report.page_facts import PageFacts

RANKS = [
    {
        "where": f"{name} ({HOSTILE})",
        "instrument": vote,
        "share": share,
        "low": share - 2,
        "high": share + 2,
        "rank": rank,
        "rank low": rank,
        "rank high": rank + 1,
    }
    for rank, (name, share) in enumerate((("mix", 60.0), ("steep", 25.0)), 1)
    for vote in ("pyspy-gil", "scalene-cpu")
]
PAIRS = [{"pair": "pyspy-gil and scalene-cpu", "overlap": 0.8, "k": 5, "tau": None, "rbo": 0.7, "keys": 2}]
SNAPSHOTS = [
    {"second": t / 10, "series": name, "mb": 40 + rate * t}
    for name, rate in (("resident", 0.2), ("heap", 0.1))
    for t in range(21)
]
LINES = [
    {
        "where": "work.py:16",
        "function": "mix",
        "source": "total = a < b & <script>alert(1)</script>",
        "py-spy GIL (%)": 34.7,
        "scalene (%)": 28.0,
        "KB per unit": None,
        "modelled": True,
    }
]
GRAPH = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><title>x</title></svg>'


def test_agreement_shows_shares_intervals_and_ranks_and_says_them():
    drawn = agreement(RANKS, "Do they agree?", PAIRS)
    assert "#1 [1, 2]" in drawn.svg and "95 % sampling interval" in drawn.svg
    assert "pyspy-gil 60 % (rank 1)" in drawn.alt
    assert "80 % of the first 5 shared, rank-biased overlap 0.70, tau-b not defined" in drawn.alt
    assert agreement(RANKS, "Do they agree?", PAIRS).svg == drawn.svg and "<script" not in drawn.svg


def test_ranking_draws_intervals_where_there_are_some():
    plain = [{k: row[k] for k in ("where", "instrument", "share")} for row in RANKS]
    assert ranking(RANKS, "t").svg != ranking(plain, "t").svg
    assert ranking(RANKS, "t").alt == ranking(plain, "t").alt


def test_timeline_says_what_grew_in_the_second_half():
    drawn = allocation_timeline(SNAPSHOTS, "Memory")
    assert "resident +2 MB in 1 s" in drawn.alt and "memory (MB)" in drawn.svg
    with pytest.raises(StatisticError):
        allocation_timeline([], "Memory")


def test_lines_are_escaped_and_modelled_ones_marked():
    html = line_table(LINES, f"Hot {HOSTILE}")._repr_html_()
    assert "<script" not in html and "a &lt; b &amp; &lt;script&gt;" in html
    assert "~28" in html and ">34.7<" in html and "~34.7" not in html and "modelled" not in html
    assert "nothing to show" in line_table([], "Hot")._repr_html_()


def test_rows_are_shown_whole_and_without_numbers_of_their_own():
    html = rows_table(
        [{"instrument": "pyspy wall", "why": "P301: " + "long " * 40}, {"samples": 3}], "Gates"
    )._repr_html_()
    assert "long " * 39 in html and html.count("<th") == 4 and '<td class="n">3</td>' in html  # thead and three columns


def page(folder: Path, sections: list[Section]) -> Path:
    return build_profile_page(sections, folder / "index.html", f"Where? {HOSTILE}", "lede", "run-1")


def test_the_page_is_whole_without_a_network(tmp_path: Path):
    graph, other = tmp_path / "pyspy-gil.svg", tmp_path / "scalene.html"
    graph.write_text(GRAPH)
    other.write_text("<html></html>")
    out = page(tmp_path, [
        Section("Where the time goes", HOSTILE, agreement(RANKS, "Do they agree?", PAIRS)),
        Section("Lines", shown=line_table(LINES, "Hot lines")),
        Section("Memory", rows=[{"where": HOSTILE, "allocated (MB)": 1.5}]),
        Section("Graphs", files=[graph, other]),
    ])  # fmt: skip
    assert audit_page(out, most_bytes=8_000_000) == []
    facts = PageFacts(out)
    assert "script" not in facts.tags and HOSTILE in facts.text
    assert {"pyspy-gil.svg", "scalene.html"} <= set(facts.links)
    assert "data:image/svg+xml;base64," in out.read_text()


def test_a_graph_that_is_too_large_for_the_page_is_linked(tmp_path: Path):
    graph = tmp_path / "wall.svg"
    graph.write_text(GRAPH + " " * PICTURES_BYTES)
    out = page(tmp_path, [Section("Graphs", files=[graph])])
    assert out.stat().st_size < 100_000 and "wall.svg" in PageFacts(out).links


def test_large_numbers_are_shown_without_an_exponent() -> None:
    from perflab.report.figures.line_table import rows_table

    page = rows_table([{"rows/s": 1_033_283.4, "n": 20_000, "share": 0.00012, "side": float("inf")}], "t")._repr_html_()
    assert ">1,033,283<" in page and ">20,000<" in page and ">0.00012<" in page and ">inf<" in page
