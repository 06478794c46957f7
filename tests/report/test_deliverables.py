"""The deliverables are assembled from findings, and say what is not judged yet and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perflab.findings.finding import Finding, TrustCheck
from perflab.report.audit import audit_page
from perflab.report.deliverables import build_deliverables
from perflab.report.deliverables.baseline_report import baseline_report
from perflab.report.deliverables.checklist import checklist
from perflab.report.deliverables.criteria import criteria_rows, risk_rows
from perflab.report.deliverables.document import Bullets
from perflab.report.deliverables.executive_summary import executive_summary
from perflab.report.deliverables.material import Material
from perflab.report.deliverables.monitoring_plan import monitoring_plan
from perflab.report.deliverables.prototype_report import prototype_report
from perflab.report.deliverables.strategy_guide import strategy_guide
from perflab.report.pages import environment
from perflab.report.verdict import overall
from perflab.runs import Run, Step
from tests.report.fake_run import HOSTILE, MANIFEST, ROWS, effect, make
from tests.report.page_facts import PageFacts

NAMES = ("executive-summary", "baseline-report", "strategy-guide", "prototype-report", "monitoring-plan",
         "scalability-specification")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make(tmp_path_factory.mktemp("reports"))
    paths = build_deliverables(run, ROWS)
    assert [p.name for p in paths] == [f"{name}.{kind}" for name in NAMES for kind in ("html", "md")]
    return run.path / "deliverables"


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_self_contained_and_escaped(folder: Path, name: str) -> None:
    assert audit_page(folder / f"{name}.html") == []
    facts = PageFacts(folder / f"{name}.html")
    assert "script" not in facts.tags and facts.unclosed == 0
    assert "<script" not in (folder / f"{name}.md").read_text(encoding="utf-8").replace("\\<", "")


def test_summary_answers_the_criteria_from_findings(folder: Path) -> None:
    rows = {row[0]: row for row in PageFacts(folder / "executive-summary.html").rows if row}
    assert rows["S4-SC-1"][3] == "✓met (measured-quick)" and rows["S4-SC-1"][4] == "F10-1"
    assert rows["S4-SC-3"][3] == "✗missed" and "S4-LAT-2a misses" in rows["S4-SC-3"][4]
    assert rows["S4-SC-5"][3] == "○open"
    assert rows["S4-RSK-H3"][4] == "none yet" and "F30-3 misses" in rows["S4-RSK-H1"][4]
    assert "needs the endurance run" in rows["S4-RES-1"][3]


def test_strategy_guide_has_a_card_for_each_strategy(folder: Path) -> None:
    facts = PageFacts(folder / "strategy-guide.html")
    assert any("ST-CACHE-12" in heading for heading in facts.headings)
    row = next(row for row in facts.rows if row and row[0] == "ST-CACHE-12")
    assert row[1] == "needs more data"


def test_what_is_missing_is_said_with_its_reason(tmp_path: Path) -> None:
    steps = [Step(name="41_monitoring", status="failed", reason=f"cell x: {HOSTILE}"),
             Step(name="40_scalability", status="skipped", reason="needs 11_baseline_load")]  # fmt: skip
    run = make(tmp_path, status="broken", steps=[s.model_dump() for s in steps])
    build_deliverables(run, ROWS)
    plan = PageFacts(run.path / "deliverables" / "monitoring-plan.html").text
    assert f"Not yet judged: 41_monitoring is failed (cell x: {HOSTILE})." in plan
    specification = (run.path / "deliverables" / "scalability-specification.md").read_text(encoding="utf-8")
    assert "Not yet judged: 40\\_scalability is skipped (needs 11\\_baseline\\_load)." in specification


def test_numbers_of_both_forms_agree(folder: Path) -> None:
    for name in NAMES:
        text, facts = (folder / f"{name}.md").read_text(encoding="utf-8"), PageFacts(folder / f"{name}.html")
        for number in ("600 ms (550 ms to 650 ms)", "-80 % (-85 % to -75 %)"):
            assert (number in text) == (number in facts.text)


def test_a_run_without_findings_still_yields_every_document(tmp_path: Path) -> None:
    run = make(tmp_path, notes={})
    for file in run.folder("findings").glob("*.json"):
        file.unlink()
    assert len(build_deliverables(Run.open(run.path))) == 12
    text = (run.path / "deliverables" / "executive-summary.md").read_text(encoding="utf-8")
    assert "No target was judged in this run." in text and "| S4-SC-1 |" in text
    guide = (run.path / "deliverables" / "strategy-guide.md").read_text(encoding="utf-8")
    listed = [line for line in guide.split("## Performance checklist")[1].splitlines() if line.startswith("| ")][2:]
    assert listed and all(("| open |" in line and "no such finding" in line) or "no target" in line for line in listed)


def material(*found: Finding, **changes: Any) -> Material:
    """Return what deliverables are made of: these findings and no target file."""
    manifest = MANIFEST.model_copy(update=changes)
    return Material(manifest, found, overall(found, manifest), (), {})


def said(notebook: str, verdict: str, **more: Any) -> Finding:
    base: dict[str, Any] = {"id": f"F{notebook[:2]}-1", "kind": "observation", "question": "?", "claim": "c."}
    return Finding(**(base | {"notebook": notebook, "verdict": verdict, "level": "measured-full"} | more))


RANKING = {"details": {"bottlenecks": [{"where": "a"}]}}
ALERTS = {"details": {"alerts": [{"alert": "a"}], "kpis": [{"indicator": "CPU", "alerts": "a", "gap": ""}]}}
GAIN = {"kind": "comparison", "effect": effect("reads", 0.5, 0.4, 0.6, "ratio")}


@pytest.mark.parametrize(
    ("criterion", "found", "state"),
    [
        ("S4-SC-1", said("10_baseline_profile", "reported", **RANKING), "met"),
        ("S4-SC-1", said("10_baseline_profile", "untrusted", **RANKING), "open"),
        ("S4-SC-1", said("10_baseline_profile", "reported"), "open"),  # not the ranking
        ("S4-SC-2", said("22_caching", "better", **GAIN), "met"),
        ("S4-SC-2", said("22_caching", "better", **GAIN, details={"means": True}), "open"),
        ("S4-SC-5", said("41_monitoring", "reported", **ALERTS), "met"),
        ("S4-SC-5", said("41_monitoring", "inconclusive", **ALERTS), "open"),  # a check failed or was not run
        ("S4-SC-5", said("41_monitoring", "not-yet-judged"), "open"),
    ],
)
def test_a_criterion_is_met_by_what_says_it_and_can_be_trusted(criterion: str, found: Finding, state: str) -> None:
    rows = {row["criterion"]: row for row in criteria_rows(material(found))}
    assert rows[criterion]["state"] == state


@pytest.mark.parametrize(("level", "state"), [("measured-full", "met"), ("measured-quick", "met (measured-quick)")])
def test_a_state_says_when_it_rests_on_less_than_a_full_measurement(level: str, state: str) -> None:
    met = said("30_prototype", "meets", kind="target", target_id="T", variant="optimised", level=level)
    made = material(met, said("22_caching", "better", id="F22-1", **GAIN | {"level": level}))
    rows = {row["criterion"]: row["state"] for row in criteria_rows(made)}
    assert rows["S4-SC-3"] == rows["S4-SC-2"] == state
    listed = [row for block in checklist(made, "performance") for row in block.rows]  # type: ignore[union-attr]
    assert {row["item"]: row["state"] for row in listed}["The targets are met under that load"] == state.replace(
        "met", "done", 1
    )


def test_a_target_without_a_verdict_under_one_condition_leaves_its_criterion_open() -> None:
    one, two = (said("30_prototype", verdict, kind="target", target_id="T", variant="optimised", id=f"F30-{verdict}")
                for verdict in ("meets", "not-yet-judged"))  # fmt: skip
    other = said("30_prototype", "not-yet-judged", kind="target", target_id="U", variant="optimised", id="F30-9")
    states = [{row["criterion"]: row["state"] for row in criteria_rows(material(*found))}["S4-SC-3"]
              for found in ((one, other), (one, two))]  # fmt: skip
    assert states == ["met", "open"]


def test_the_plan_begins_with_what_the_monitoring_notebook_found() -> None:
    plan = monitoring_plan(material(said("41_monitoring", "reported", **ALERTS)))
    assert "Answer first" not in plan.missing and "F41-1: c." in str(plan.sections[1].blocks)


def test_objectives_of_the_plan_carry_their_level(folder: Path) -> None:
    rows = {row[0]: row for row in PageFacts(folder / "monitoring-plan.html").rows if row}
    assert rows["S4-LAT-1"][2] == "✓meets (measured-quick)"


def test_a_finding_that_says_nothing_is_no_evidence_on_a_risk() -> None:
    overhead = {"details": {"monitoring_overhead": [{"watched": "metrics"}]}}
    for verdict, evidence in (("reported", "F41-1 reported"), ("untrusted", "none yet; trust checks refused F41-1")):
        rows = {row["risk"]: row for row in risk_rows(material(said("41_monitoring", verdict, **overhead)))}
        assert rows["S4-RSK-M3"]["evidence"] == evidence
    assert risk_rows(material(said("41_monitoring", "not-yet-judged")))[-1]["evidence"] == "none yet"


def test_what_watching_costs_and_equal_answers_are_found_by_what_findings_carry() -> None:
    cost = said("10_baseline_profile", "reported", details={"overheads": [{"instrument": "py-spy", "ratio": 1.1}]})
    plan = {s.title: s for s in monitoring_plan(material(cost)).sections}
    assert "py-spy" in str(plan["What profiling costs"].blocks)
    same = TrustCheck(name="equal answers", passed=True, observed="8 of 8 equal the baseline's", limit="all")
    pair = said("30_prototype", "better", **GAIN, variant="optimised", trust=(same,))
    report = {s.title: s for s in prototype_report(material(pair)).sections}
    assert "8 of 8 equal" in str(report["Equivalence of answers"].blocks)


def test_the_latency_of_the_baseline_is_told_where_no_level_had_a_p95() -> None:
    climb = said("11_baseline_load", "reported", claim="p50 went from 1238 to 2627 ms.", variant="baseline")
    made = baseline_report(material(climb))
    section = next(s for s in made.sections if s.title == "Latency of the baseline")
    assert "p50 went from 1238" in str(section.blocks) and section.title not in made.missing


def test_what_to_do_next_holds_the_steps_of_strategies_and_says_so_when_there_are_none() -> None:
    step = "About 40 more pairs would settle it"
    open_ = said("22_caching", "inconclusive", kind="comparison", variant="baseline+cache=l1", next_step=step)
    shown = said("30_prototype", "misses", kind="target", target_id="T", variant="baseline", next_step="not judged")
    sections = {s.title: s for s in executive_summary(material(open_, shown)).sections}
    assert sections["What to do next"].blocks == (Bullets((f"{step} (for {open_.id})",)),)
    calm = executive_summary(material(said("00_machine", "reported")))
    assert "No finding on the judged variant" in str({s.title: s for s in calm.sections}["What to do next"].blocks)
    assert "What to do next" not in calm.missing and "How sure this is" not in calm.missing


def test_a_section_that_is_judged_and_empty_is_not_missing() -> None:
    pair = said("30_prototype", "better", **GAIN, variant="optimised", strategy="ST-CACHE-12")
    assert "Negative results" not in strategy_guide(material(pair)).missing
    assert "Negative results" in strategy_guide(material()).missing
    assert "Who is called, and what is done" in monitoring_plan(material()).missing


def test_the_way_to_the_same_results_has_no_path_of_this_machine_and_all_that_changes_them() -> None:
    here = Path.cwd() / "data/systems/voice_gateway.toml"
    made = material(said("00_machine", "reported"), system=str(here), commit="abc-dirty", notes={"time_scale": 0.05})
    text = str(baseline_report(made).sections)
    assert str(Path.cwd()) not in text and "described by data/systems/voice_gateway.toml" in text
    assert "git checkout abc\\nmake setup" in text and "--seed 7 --time-scale 0.05" in text
    assert "--time-scale" not in str(baseline_report(material(system=str(here))).sections)


def test_the_counts_behind_effects_are_told_from_the_fewest_to_the_most() -> None:
    pairs = [
        said("22_caching", "better", id=f"F22-{n}", kind="comparison", variant="a",
             effect=effect("cpu", 0.5, 0.4, 0.6, "ratio", n)) for n in (12, 40, 6)
    ]  # fmt: skip
    section = next(s for s in strategy_guide(material(*pairs)).sections if s.title == "How effects were measured")
    assert section.blocks[0].rows[0]["n"] == "6 to 40"  # type: ignore[union-attr]


def test_tables_of_targets_name_their_findings(folder: Path) -> None:
    rows = [row for row in PageFacts(folder / "executive-summary.html").rows if row and row[0] == "S4-LAT-2a"]
    assert any(row[-1] == "F30-3" for row in rows)


def test_without_a_target_of_the_domain_none_is_said_to_have_a_verdict() -> None:
    sections = {s.title: s for s in executive_summary(material()).sections}
    told = str(sections["Targets of this domain that are not yet judged, and why"].blocks)
    assert "names no target of this domain" in told and "has a verdict" not in told


def test_a_table_with_a_column_of_states_needs_no_state_in_every_row() -> None:
    macros = environment().get_template("macros.html.j2").module
    made = str(macros.rows_table([{"a": 1, "state": None}, {"a": 2}, {"a": 3, "state": "met (simulated)"}]))  # type: ignore[attr-defined]
    assert made.count("badge quiet") == 2 and made.count("badge good") == 1


def test_the_summary_decides_once_and_leaves_the_whole_variant_to_its_targets() -> None:
    gain = said("30_prototype", "better", **GAIN, variant="optimised")
    flag = said("30_prototype", "better", **GAIN, variant="baseline+cache=l1", strategy="ST-CACHE-02", id="F30-2")
    missed = said("30_prototype", "misses", kind="target", target_id="T", variant="optimised", id="F30-3")
    sections = {s.title: s for s in executive_summary(material(gain, flag, missed)).sections}
    rows = [row["what"] for block in sections["Decisions"].blocks for row in block.rows]  # type: ignore[union-attr]
    assert rows == ["ST-CACHE-02"]
    plain = said("24_state_database", "better", **GAIN, variant="baseline+store=postgres", id="F24-1")
    guide = {s.title: s for s in strategy_guide(material(gain, flag, missed, plain)).sections}["Decision table"]
    told = {row["strategy"]: row["decision"] for block in guide.blocks for row in block.rows}  # type: ignore[union-attr]
    assert told["optimised (the whole variant)"].endswith("; but it misses 1 target: see the verdict")
    assert "verdict" not in told["ST-CACHE-02"] and "store=postgres (laid over baseline)" in told  # it has no id


def test_caveats_name_their_findings_and_those_behind_the_answer_come_first() -> None:
    quick = "quick effort: shortened runs"
    decides = said("30_prototype", "meets", kind="target", target_id="T", variant="optimised",
                   caveats=("T: denominator = cores given", quick, "its world is a stand-in"))  # fmt: skip
    others = [said("11_baseline_load", "reported", id=f"F11-{n}", caveats=(quick, "by reading")) for n in range(5)]
    made = material(decides, *others)
    first, rest = {s.title: s for s in executive_summary(made).sections}["How sure this is"].blocks
    assert first == Bullets((f"F30-1: {quick}", "F30-1: its world is a stand-in"))
    assert "F11-0, F11-1, F11-2 and 2 more: by reading" in rest.items and rest.folded  # type: ignore[union-attr]
    assert "denominator" in str(prototype_report(made).sections)
