"""Interactions and order of adoption in the guide: each family of flags under its own load, or why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.findings.finding import Finding, dump_findings
from perflab.report.audit import audit_page
from perflab.report.deliverables import build_deliverables
from perflab.report.figures.adoption import adoption
from perflab.runs import Run, Step
from tests.report.fake_run import make
from tests.report.guide_material import SYSTEM, make_guide_run

LOAD = "60 requests/s of everything"
TITLE = "Interactions and order of adoption"


def api_together(run: Run, condition: str = LOAD) -> Finding:
    steps = [{"step": 1, "flag": "serialiser=orjson", "confirmed under": "serialiser", "this step": "-20 % [-21, -19]",
              "so far": "-20 % [-21, -19]", "on top of all others": "-18 % [-19, -17]", "once all are in": "pays"},
             {"step": 2, "flag": "cache=l1", "confirmed under": "hot; not under: cold", "this step": "-2 % [-3, -1]",
              "so far": "-22 % [-23, -21]", "on top of all others": "-2 % [-3, -1]",
              "once all are in": "no longer pays"}]  # fmt: skip
    joint = [{"what": "all of them", "alone": "-36 % (product)", "with the others": "-22 % [-23, -21]",
              "joint / product": "1.219 [1.200, 1.240]", "they": "overlap"}]  # fmt: skip
    rows = [{"label": "serialiser=orjson", "value": 0.8, "low": 0.79, "high": 0.81, "expected": 0.8}]
    drawn = adoption(rows, "API flags adopted one after the other").save(run, "23-adoption")
    tables = {"order_of_adoption": steps, "interactions": joint, "interactions_of_response_p95": joint}
    return Finding(id="F23-together", notebook="23_api_streaming", kind="observation", verdict="reported",
                   question="What do the API's confirmed flags do together?", level="measured-full",
                   claim="Together serialiser=orjson, cache=l1 change CPU per request by -22 %: overlap.",
                   condition=condition, evidence=(drawn,), details=tables)  # fmt: skip


def not_measured() -> Finding:
    return Finding(id="F23-together", notebook="23_api_streaming", kind="observation", verdict="reported",
                   question="What do the API's confirmed flags do together?", level="measured-full",
                   claim="The API's flags were not measured together: only cache=l1 fits.")  # fmt: skip


def section_of(run: Run) -> str:
    """Return the section of the guide as Markdown, without the marks that keep letters plain."""
    page = next(path for path in build_deliverables(run) if path.name == "strategy-guide.html")
    assert audit_page(page) == []
    text = page.with_suffix(".md").read_text(encoding="utf-8").replace("\\", "")
    return next(part for part in text.split("\n## ") if part.startswith(TITLE))


def with_finding(run: Run, found: Finding) -> Run:
    (run.folder("findings") / f"y-{found.id}.json").write_bytes(dump_findings([found]))
    return run


def test_both_families_stand_beside_each_other_each_under_its_own_load(tmp_path: Path) -> None:
    run = make_guide_run(tmp_path)
    told = section_of(with_finding(run, api_together(run)))
    whole, api = told.index("Flags of the whole system, under one load"), told.index("Flags of the API, under one load")
    assert whole < told.index("1.405 [1.350, 1.460]") < api < told.index("1.219 [1.200, 1.240]")
    assert whole < told.index("the load of 30_prototype") < api < told.index(LOAD)
    assert "F23-together: order of adoption" in told and "F30-adoption: order of adoption" in told
    assert told.index("F23-together: interactions of response p95") > told.index("F23-together: interactions")
    assert "hot; not under: cold" in told and "23-adoption" in told and "30-adoption" in told


def test_a_family_that_was_not_measured_is_told_beside_the_one_that_was(tmp_path: Path) -> None:
    run = make_guide_run(tmp_path)
    assert "Flags of the API: not measured together. " in section_of(run)
    run.set_step(Step(name="23_api_streaming", status="skipped", budget_s=1, reason="00_machine failed"))
    assert "Flags of the API: not measured together. Not yet judged: 23_api_streaming is skipped" in section_of(run)
    told = section_of(with_finding(run, not_measured()))
    assert "only cache=l1 fits" in told and "Flags of the API: not measured" not in told


@pytest.mark.parametrize("own", ["", 'laboratories = ["22_caching"]\n'])
def test_a_system_without_such_a_laboratory_is_told_nothing_of_the_api(tmp_path: Path, own: str) -> None:
    folder = tmp_path / "system"
    folder.mkdir()
    (folder / "mine.toml").write_text(own, encoding="utf-8")
    run = make(tmp_path / "reports", system=str(folder / "mine.toml"))
    drawn = api_together(run).model_copy(update={"id": "F30-adoption", "notebook": "30_prototype", "condition": ""})
    told = section_of(with_finding(run, drawn))
    assert "the load of 30_prototype" in told and "Flags of the API" not in told


def test_where_nothing_was_measured_together_the_section_says_what_does(tmp_path: Path) -> None:
    told = section_of(make(tmp_path, system=SYSTEM))
    assert "Full effort measures the confirmed flags together" in told and "Flags of" not in told
