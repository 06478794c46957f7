"""Success criteria, risks and checklists are ticked by what speaks of them, and by the bad half of it first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perflab.findings.finding import Finding
from perflab.report.deliverables.baseline_report import baseline_report
from perflab.report.deliverables.checklist import checklist
from perflab.report.deliverables.criteria import criteria_rows, risk_rows
from perflab.report.deliverables.material import UNWRITTEN, Material
from perflab.report.deliverables.prototype_report import prototype_report
from perflab.report.deliverables.strategy_guide import strategy_guide
from perflab.report.verdict import overall
from tests.report.fake_run import MANIFEST
from tests.report.test_deliverables import GAIN, said

ROOT = Path(__file__).resolve().parents[2]


def material(*found: Finding, **changes: Any) -> Material:
    """Return what deliverables are made of: these findings and, unless given, no target file."""
    return Material(MANIFEST, found, overall(found, MANIFEST), changes.pop("targets", ()), {}, **changes)


def judged(target: str, verdict: str, **more: Any) -> Finding:
    return said("30_prototype", verdict, kind="target", target_id=target, variant="optimised",
                **{"id": f"F30-{target}"} | more)  # fmt: skip


def evidence(made: Material, risk: str) -> str:
    return str({row["risk"]: row["evidence"] for row in risk_rows(made)}[risk])


def test_targets_that_are_missed_are_the_first_evidence_that_targets_may_not_be_met() -> None:
    met = [judged(f"T-{n}", "meets", headline=9) for n in range(6)]
    told = evidence(material(*met, judged("T-8", "inconclusive"), judged("T-9", "misses")), "S4-RSK-H1")
    assert told == "misses 1, inconclusive 1, meets 6: F30-T-9 misses, F30-T-8 inconclusive, F30-T-0 meets, " \
        "F30-T-1 meets and 4 more"  # fmt: skip


def test_a_target_counts_once_and_for_the_judged_variant_alone() -> None:
    twice = (judged("T", "meets", id="F30-1", condition="a=1"), judged("T", "misses", id="F30-2", condition="a=2"))
    other = judged("U", "misses", id="F30-3").model_copy(update={"variant": "baseline"})
    assert evidence(material(*twice, other), "S4-RSK-H1") == "F30-2 misses"


def test_comparisons_that_hurt_are_the_first_evidence_on_other_qualities() -> None:
    gains = [said("30_prototype", "better", id=f"F30-{n}", headline=9, **GAIN) for n in range(5)]
    told = evidence(material(*gains, said("30_prototype", "worse", id="F30-9", **GAIN)), "S4-RSK-H2")
    assert told.startswith("worse 1, better 5: F30-9 worse, ")


def test_the_overhead_of_profilers_and_alert_rules_are_no_evidence_on_other_risks() -> None:
    profilers = said("10_baseline_profile", "reported", details={"overheads": [{"instrument": "a"}]})
    rules = said("41_monitoring", "reported", details={"alerts": [{"alert": "a"}], "kpis": [{"id": "k"}]})
    made = material(profilers, rules)
    assert evidence(made, "S4-RSK-M3") == evidence(made, "S4-RSK-L3") == "none yet"
    watched = [row for block in checklist(made, "monitoring") for row in block.rows]  # type: ignore[union-attr]
    assert {row["item"]: row["state"] for row in watched}["What watching costs is known"] == "open"
    row = {row["criterion"]: row for row in criteria_rows(made)}["S4-SC-6"]
    assert row["state"] == "open" and "S4-RSK-M3" in row["on what"]


def test_what_trust_checks_refused_is_not_told_as_if_nobody_had_looked() -> None:
    refused = said("30_prototype", "untrusted", id="F30-1", **GAIN)
    made = material(refused)
    row = {row["criterion"]: row for row in criteria_rows(made)}["S4-SC-2"]
    assert (row["state"], row["on what"]) == ("open", "no such finding; trust checks refused F30-1")
    assert evidence(made, "S4-RSK-H2") == "none yet; trust checks refused F30-1"
    assert "S4-RSK-H2" in {row["criterion"]: row for row in criteria_rows(made)}["S4-SC-6"]["on what"]


@pytest.mark.parametrize(
    ("kpi", "state", "named"),
    [
        ({"alerts": "CpuHigh", "gap": ""}, "met", "F41-1"),
        ({"alerts": "", "gap": ""}, "open", "no alert: network"),
        ({"alerts": "CpuHigh", "gap": "the way to the client is not in it"}, "open", "network"),
    ],
)
def test_monitoring_is_comprehensive_only_where_every_figure_has_an_alert_and_no_gap(
    kpi: dict[str, str], state: str, named: str
) -> None:
    rows = [{"indicator": "CPU", "alerts": "CpuHigh", "gap": ""}, {"indicator": "network"} | kpi]
    plan = said("41_monitoring", "reported", details={"alerts": [{"alert": "CpuHigh"}], "kpis": rows})
    row = {row["criterion"]: row for row in criteria_rows(material(plan))}["S4-SC-5"]
    assert row["state"] == state and named in row["on what"]
    assert "CPU" not in row["on what"]


def test_a_criterion_on_a_target_that_the_system_has_not_is_left_out() -> None:
    other = ({"id": "S4-THR-1", "domain": "another"}, {"id": "SHOP-1", "domain": MANIFEST.domain})
    own = ({"id": "S4-THR-1", "domain": MANIFEST.domain},)
    for targets, there in ((other, False), (own, True)):
        made = material(targets=targets)
        assert ("S4-SC-4" in {row["criterion"] for row in criteria_rows(made)}) is there
        items = [row["item"] for block in checklist(made, "scalability") for row in block.rows]  # type: ignore[union-attr]
        assert ("The asked number of concurrent sessions is held" in items) is there


def test_pages_speak_of_voice_and_of_laboratories_only_where_the_system_names_them() -> None:
    plain, voice = material(), material(laboratories=("20_audio_kernels",))
    title = "Compute requirement of voice processing"
    assert title not in [s.title for s in baseline_report(plain).sections]
    assert title in [s.title for s in baseline_report(voice).sections]
    chapters = [[s.title for s in strategy_guide(made).sections] for made in (plain, voice)]
    assert "Audio kernels" not in chapters[0] and "Audio kernels" in chapters[1] and "Caching" not in chapters[1]


def test_what_no_notebook_of_this_version_measures_is_said_so() -> None:
    here = {path.name[:2] for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert len(here) > 5 and here.isdisjoint(UNWRITTEN)
    resilience = next(s for s in prototype_report(material()).sections if s.title == "Resilience")
    assert "this version has no notebook 31" in str(resilience.blocks) and resilience.empty
