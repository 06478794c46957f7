"""The run page: verdict first, everything escaped, nothing fetched, readable at any moment of a run."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest

from perflab.findings.finding import Finding, dump_findings, load_findings
from perflab.report.audit import audit_page
from perflab.report.run_index import build_index
from perflab.report.run_page import build_run_page
from perflab.runs import Run, Step
from tests.report.fake_run import HOSTILE, ROWS, make
from tests.report.page_facts import PageFacts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def page(run: Run) -> PageFacts:
    path = build_run_page(run, ROWS)
    assert audit_page(path) == []
    return PageFacts(path)


def test_sections_stand_in_the_order_of_a_reader(page: PageFacts) -> None:
    wanted = ["Verdict", "Findings", "Evidence", "Can this be trusted?", "Every target, and where it stands",
              "Files of this run", "How to reproduce", "Words"]  # fmt: skip
    assert [h for h in page.headings if h in wanted] == wanted
    assert page.unclosed == 0


def test_verdict_is_generated_and_comes_first(page: PageFacts) -> None:
    verdict = "meets 1 target (at quick effort) and misses 1 target (S4-LAT-2a); 1 target is inconclusive."
    assert page.text.index(verdict) < page.text.index("Can this machine measure?")


def test_the_verdict_says_what_the_judged_settings_stand_for(tmp_path: Path) -> None:
    run = make(tmp_path)
    rows = [{"setting": "latency=fast", "stands for": "a fast service, median 0.6 s"}]
    decision = Finding(id="F90-1", notebook="90_verdict", question="What now?", claim="Ship.", kind="observation",
                       verdict="reported", level="measured-quick", details={"judged_under": rows})  # fmt: skip
    (run.path / "findings" / "90_verdict.json").write_bytes(dump_findings([decision]))
    text = PageFacts(build_run_page(run, ROWS)).text
    told = "Judged under latency=fast (a fast service, median 0.6 s)."
    assert told in text and text.index(told) < text.index("Can this machine measure?")


def test_every_finding_has_a_row_a_block_and_a_badge_with_a_word(page: PageFacts) -> None:
    ids = [row[0] for row in page.rows if row and row[0].startswith("F")]
    assert sorted(ids) == sorted(f"F{i}" for i in ("00-1", "10-1", *(f"30-{n}" for n in range(1, 8))))
    assert ids[0] == "F30-5"  # the weightiest first
    assert {"✓meets (measured-quick)", "✗misses", "◇inconclusive", "▲better"} <= set(page.badges)


def test_other_variants_are_shown_as_not_judged(page: PageFacts) -> None:
    row = next(row for row in page.rows if row and row[0] == "F30-7")
    assert "(shown, not judged)" in row[1]
    assert not any("(shown, not judged)" in row[1] for row in page.rows if row and row[0] == "F30-3")


def test_hostile_text_is_text_everywhere(page: PageFacts) -> None:
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) >= 6  # claim, table, caption, alt-bearing caption, link, environment, reason
    assert not any("<script" in link for link in page.links)


def test_figures_are_inlined_once_with_alternative_text(page: PageFacts) -> None:
    assert len(page.labels) == 4 and all(len(label) > 20 for label in page.labels)
    assert any("baseline: p50 3,240 ms" in label for label in page.labels)


def test_a_figure_that_stands_above_is_referred_to_without_its_text(tmp_path: Path) -> None:
    """A study of many questions has one figure for all of them: its text is read once, not below each finding."""
    run = make(tmp_path)
    folder = run.folder("findings")
    before = build_run_page(run, ROWS).read_text(encoding="utf-8").count("(shown above)")
    shown = next(one for one in load_findings(folder) if one.id == "F30-5")
    alt = next(e.alt for e in shown.evidence if e.kind == "figure")
    again = [shown.model_copy(update={"id": f"F99-{number}"}) for number in range(3)]
    (folder / "99_again.json").write_bytes(dump_findings(again))
    page = build_run_page(run, ROWS).read_text(encoding="utf-8")
    assert page.count("(shown above)") == before + 3 and page.count(escape(alt)) <= 2


def test_every_target_is_traced_with_its_reason(page: PageFacts) -> None:
    traced = {row[0]: row for row in page.rows if row and row[0].startswith("S")}
    assert set(traced) == {row["id"] for row in ROWS}
    assert traced["S4-LAT-1"][3] == "F30-1" and traced["S4-RES-1"][2] == "○not yet judged"
    assert "needs the endurance run" in traced["S4-RES-1"][4]


def test_trust_checks_and_files_and_commands_are_there(page: PageFacts) -> None:
    assert any(row[:2] == ["cores", "✗failed, noted"] for row in page.rows)
    assert "1 of 2 checks on the measurement itself passed." in page.text
    told = {row[0]: row[4] for row in page.rows if len(row) == 6 and row[1] in ("✓passed", "✗failed, noted")}
    assert told["cores"] == "F00-1" and told["noise floor (A/A)"].startswith("F00-1, F10-1, F30-1 and ")
    assert "profiles/py-spy%20flame%20graph.svg" in page.links
    assert "perflab spike --system /no/such/folder/voice_gateway.toml --effort quick --seed 7" in page.text


def test_links_of_the_page_lead_to_files_that_exist(run: Run, page: PageFacts) -> None:
    from urllib.parse import unquote

    local = [link for link in page.links if link and not link.startswith(("#", ".."))]
    assert local and [link for link in local if not (run.path / unquote(link)).exists()] == []


def test_the_self_calibration_of_the_run_stands_beside_its_results(tmp_path: Path) -> None:
    rows = [{"what": f"+2 % found {HOSTILE}", "measured here": "19 of 20", "simulated": "97 %"}]
    run = make(tmp_path, notes={"calibration": rows, "wall_s": 3})
    path = build_run_page(run, ROWS)
    facts = PageFacts(path)
    assert audit_page(path) == [] and [f"+2 % found {HOSTILE}", "19 of 20", "97 %"] in facts.rows
    assert "What perflab can see on this machine" in facts.text
    run.note("calibration", "19 of 20")
    assert "not calibrated" in PageFacts(build_run_page(run, ROWS)).text


def test_a_run_without_calibration_shows_the_newest_of_the_same_environment(tmp_path: Path) -> None:
    rows = [{"what": "+2 % found", "measured here": "19 of 20", "simulated": "97 %"}]
    run = make(tmp_path)
    make(
        tmp_path, run_id="20261120T201655Z-quick-aaaa", created="2026-11-20T20:16:55+00:00", notes={"calibration": rows}
    )
    facts = PageFacts(build_run_page(run, ROWS))
    assert ["+2 % found", "19 of 20", "97 %"] in facts.rows
    assert "From run 20261120T201655Z-quick-aaaa, 3.0 hours before this one" in facts.text
    other = run.manifest.model_copy(update={"fingerprint": {"cpu_model": "another"}})
    run.manifest = other
    run.save()
    assert "not calibrated" in PageFacts(build_run_page(run, ROWS)).text


def test_unfinished_run_is_readable_and_says_what_is_running(tmp_path: Path) -> None:
    steps = [
        Step(name="00_machine", status="done", budget_s=20, wall_s=18),
        Step(name="11_baseline_load", status="running"),
    ]
    run = make(tmp_path, status="running", finished="", steps=[s.model_dump() for s in steps])
    for file in run.folder("findings").glob("[13]*.json"):
        file.unlink()
    path = build_run_page(run, [])
    facts = PageFacts(path)
    assert audit_page(path) == []
    assert "This run is still going on" in facts.text and "▶running" in facts.badges
    assert "No target has been judged yet." in facts.text


def test_empty_run_has_a_page(tmp_path: Path) -> None:
    run = make(tmp_path, status="running", finished="", steps=[])
    for file in run.folder("findings").glob("*.json"):
        file.unlink()
    assert audit_page(build_run_page(run)) == []


def test_corrupt_findings_do_not_hide_the_others(tmp_path: Path) -> None:
    run = make(tmp_path)
    (run.folder("findings") / "10_baseline_profile.json").write_text("{", encoding="utf-8")
    facts = PageFacts(build_run_page(run, ROWS))
    assert "10_baseline_profile.json holds no valid findings" in facts.text
    assert any(row and row[0] == "F30-1" for row in facts.rows)


def test_active_content_in_a_figure_is_not_inlined(tmp_path: Path) -> None:
    run = make(tmp_path)
    (run.folder("figures") / "flags.svg").write_text('<svg onload="alert(1)"></svg>', encoding="utf-8")
    path = build_run_page(run, ROWS)
    assert audit_page(path) == [] and len(PageFacts(path).labels) == 3


def test_targets_come_from_the_system_file_when_it_is_there(tmp_path: Path) -> None:
    system = Path(__file__).resolve().parents[2] / "data/systems/voice_gateway.toml"
    facts = PageFacts(build_run_page(make(tmp_path, system=str(system), notes={})))
    traced = {row[0]: row for row in facts.rows if row and row[0].startswith("S4-")}
    assert "S4-LAT-1" in traced and "inconclusive" in traced["S4-LAT-1"][2]
    assert sum(1 for row in facts.rows if row and row[0][:2] in ("S0", "S2", "S3", "S4") and len(row) == 5) >= 60


def test_index_lists_runs_newest_first_and_names_corrupt_ones(tmp_path: Path) -> None:
    make(tmp_path)
    make(
        tmp_path,
        run_id="20261121T000000Z-quick-0001",
        status="interrupted",
        finished="",
        created="2026-11-21T00:00:00+00:00",
    )
    broken = tmp_path / "runs" / "20261122T000000Z-quick-dead"
    broken.mkdir()
    (broken / "manifest.json").write_text("{", encoding="utf-8")
    for name in ("20261120T231655Z-quick-3f2a", "20261121T000000Z-quick-0001"):
        build_run_page(Run.open(tmp_path / "runs" / name), ROWS)
    path = build_index(tmp_path)
    facts = PageFacts(path)
    assert audit_page(path) == []
    rows = [row for row in facts.rows if row and row[0].startswith("2026")]
    assert [row[0] for row in rows] == ["2026-11-21 00:00", "2026-11-20 23:16"]
    assert "1 missed, 1 inconclusive, 1 met" in rows[1][2] and "cpu per turn -80 %" in rows[1][3]
    assert rows[1][5] == "8 min 6 s"
    assert "The manifest of run 20261122T000000Z-quick-dead cannot be read" in facts.text
    assert "runs/20261120T231655Z-quick-3f2a/index.html" in facts.links


def test_index_of_nothing(tmp_path: Path) -> None:
    assert "No runs yet" in PageFacts(build_index(tmp_path / "none")).text


def test_how_to_reproduce_names_all_that_decided_what_was_measured(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.update(notes={"time_scale": 0.2, "only": "x"}, planted="late=40", perflab_commit="def-dirty")
    text = " ".join(PageFacts(build_run_page(run, ROWS)).text.split())
    assert "git -C /no/such/folder checkout abc123def456 git checkout def make setup" in text
    assert "--seed 7 --time-scale 0.2 --only 00_machine,10_baseline_profile,30_prototype --plant late=40" in text
    assert "had changes that no commit holds" in text and "commit def-dirty" in text
