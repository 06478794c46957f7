"""One tile for each measurement, what to do first, and conditions without what they all share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perflab.findings.finding import Effect, Finding, dump_findings
from perflab.report.audit import audit_page
from perflab.report.deliverables import build_deliverables
from perflab.report.run_page import build_run_page, with_what_for
from perflab.report.tiles import tiles
from perflab.report.verdict import overall
from perflab.report.wording import effect_text
from perflab.runs import Run
from tests.report.fake_run import MANIFEST, make
from tests.report.page_facts import PageFacts

FAST, SLOW = "latency=fast,generator=near,trouble=none", "latency=slow,generator=near,trouble=none"
STEP = "Take 200 ms off"


def read(number: int, target_id: str, verdict: str, value: float, condition: str, **changes: Any) -> Finding:
    figure = Effect(metric="response_time", value=value, low=value - 0.1, high=value + 0.1, unit="s", n=155)
    given: dict[str, Any] = {
        "id": f"F30-target.{number}", "notebook": "30_prototype", "question": f"Does it meet {target_id}?",
        "claim": f"response_time p95 < 2 s: {value} s against < 2 s.", "kind": "target", "verdict": verdict,
        "level": "measured-quick", "target_id": target_id, "effect": figure, "scenario": "normal", "headline": 5,
        "condition": condition, "variant": "optimised", "next_step": STEP if verdict == "misses" else "",
    }  # fmt: skip
    return Finding(**{**given, **changes})


def judged() -> list[Finding]:
    """Three targets on one figure, missed under one condition and met under the other, and one on another figure."""
    found = [read(n, f"T-{n}", "meets", 1.3, FAST) for n in (1, 2, 3)]
    found += [read(n + 3, f"T-{n}", "misses", 2.2, SLOW) for n in (1, 2, 3)]
    return [*found, read(7, "T-9", "meets", 0.5, FAST), read(8, "T-9", "meets", 0.6, SLOW)]


def decision() -> Finding:
    return Finding(id="F90-1", notebook="90_verdict", question="What should we do?", claim="Do not ship it as it is.",
                   kind="observation", verdict="reported", level="measured-quick", headline=9)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = make(tmp_path)
    for file in made.folder("findings").glob("*.json"):
        file.unlink()
    (made.folder("findings") / "30_prototype.json").write_bytes(dump_findings(judged()))
    (made.folder("findings") / "90_verdict.json").write_bytes(dump_findings([decision()]))
    return made


def test_three_targets_on_one_measurement_share_a_tile() -> None:
    first, second = tiles(judged(), overall(judged(), MANIFEST))
    assert [f.target_id for f in first.members] == ["T-1", "T-2", "T-3"] and first.first.verdict == "misses"
    assert (first.value, first.bounds, first.under) == ("2.20 s", "2.10 s to 2.30 s, n = 155 turns", "latency=slow")
    assert second.under == "latency=fast, met under each of 2"


def test_the_first_screen_says_what_to_do_why_and_how_sure(run: Run) -> None:
    path = build_run_page(run)
    text = PageFacts(path).text
    assert audit_page(path) == []
    order = ["Do not ship it as it is.", "misses 3 targets (T-1, T-2, T-3), one measurement: response time p95 2.20 s",
             "How sure: The evidence is measured-quick.", "Judged under latency=fast and under latency=slow",
             f"{STEP} (for T-1, T-2, T-3)", "3 targets, one measurement",
             "the same measurement as T-2 and T-3"]  # fmt: skip
    places = [text.replace(" ,", ",").find(part) for part in order]
    assert -1 not in places and places == sorted(places), dict(zip(order, places, strict=True))


def test_what_all_conditions_share_stands_beside_no_figure(run: Run) -> None:
    page = PageFacts(build_run_page(run))
    rows = [" ".join(row) for row in page.rows if row and row[0].startswith("F30-target")]
    assert rows and all("generator=near" not in row for row in rows) and any("latency=slow" in row for row in rows)
    raw = (run.path / "index.html").read_text(encoding="utf-8")
    assert f'title="{SLOW}"' in raw  # the whole of it is a hover away, and in the finding's own block
    assert f"optimised · normal · {SLOW}" in page.text


def test_deliverables_tell_one_measurement_once(run: Run) -> None:
    folder = build_deliverables(run)[0].parent
    summary = (folder / "executive-summary.md").read_text(encoding="utf-8")
    assert summary.index("Do not ship it as it is.") < summary.index("one measurement: response time p95 2.20 s")
    assert "the same measurement as T-2 and T-3" in summary and f"{STEP} (for T-1, T-2, T-3)" in summary
    table = [line for line in summary.splitlines() if line.startswith("| T-1 |")]
    assert table and "latency=slow" in table[0] and "generator=near" not in table[0]
    assert "all have generator=near, trouble=none" in summary
    report = (folder / "prototype-report.md").read_text(encoding="utf-8")
    assert report.count("F30-target.4 = F30-target.5 = F30-target.6: ") == 1


def test_a_step_is_told_with_what_it_is_for() -> None:
    found = judged()
    assert with_what_for([STEP, "Rest"], found, overall(found, MANIFEST)) == [f"{STEP} (for T-1, T-2, T-3)", "Rest"]


def test_a_value_that_is_its_own_bounds_is_told_once() -> None:
    peak = Effect(metric="memory", value=7.69, low=7.69, high=7.69, unit="%", confidence=1, n=1, n_unit="peak")
    assert effect_text(read(1, "T-1", "meets", 1.0, FAST, effect=peak)) == "7.69 %"
    assert effect_text(read(1, "T-1", "meets", 1.3, FAST)) == "1.30 s (1.20 s to 1.40 s)"


def test_a_word_that_is_no_verdict_is_no_badge(tmp_path: Path) -> None:
    made = make(tmp_path)
    rows = [{"instrument": "py-spy", "verdict": "votes"}, {"instrument": "scalene", "verdict": "untrusted"}]
    found = decision().model_copy(update={"details": {"gates": rows, "unit_of_gates": "ms"}})
    (made.folder("findings") / "90_verdict.json").write_bytes(dump_findings([found]))
    page = PageFacts(build_run_page(made))
    assert ["py-spy", "votes"] in page.rows and "●votes" not in page.badges and "⚠untrusted" in page.badges
    assert "gates (ms)" in page.text
