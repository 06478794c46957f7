"""What the optimised variant switches: its flags with their code, counted, from the system's own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perflab.report.deliverables.criteria import risk_rows
from perflab.report.deliverables.prototype_report import prototype_report
from perflab.report.switched import switched
from perflab.system.load_file import load_system
from tests.report.fake_run import MANIFEST
from tests.report.test_criteria import material

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = """source = "src"
[[flag]]
name = "store"
optimised = "batched"
values = [{ value = "plain" }, { value = "batched", strategy = "ST-STATE-14", equivalence = "exact" }]
[[flag]]
name = "cache"
optimised = "off"
values = [{ value = "off" }, { value = "on" }]
[[flag]]
name = "pool"
optimised = "16"
values = [{ value = "1" }, { value = "16", equivalence = "tolerance" }]
"""


def planted(folder: Path) -> Path:
    flags = folder / "src/flags/store"
    flags.mkdir(parents=True)
    (flags / "plain.py").write_text('"""Commit at once."""\n\nx = 1\n')
    (flags / "batched.py").write_text(
        '"""Group commits.\n\nMore.\n"""\nfrom src.flags.store._writer import w\nimport os\n'
    )
    (flags / "_writer.py").write_text("from . import _queue, _gone\nfrom src.flags.store import _writer\n\nw = 1\n")
    (flags / "_queue.py").write_text("q = 1\n")
    (flags / "_other.py").write_text("not = python\n")
    (folder / "system.toml").write_text(SYSTEM)
    return folder / "system.toml"


def test_a_switch_is_told_with_its_file_and_the_lines_of_all_that_comes_with_it(tmp_path: Path) -> None:
    manifest = MANIFEST.model_copy(update={"system": str(planted(tmp_path))})
    store, pool = switched(manifest)  # cache stays as it is
    assert (store.flag, store.before, store.after, store.equivalence) == ("store", "plain", "batched", "exact")
    assert (store.file, store.does) == ("src/flags/store/batched.py", "Group commits.")
    assert (store.lines_before, store.lines) == (2, 5 + 3 + 1)  # blank lines and _other.py left out
    assert (pool.after, pool.file, pool.lines) == ("16", "", 0)
    made = replace(material(), switched=(store, pool))
    section = next(s for s in prototype_report(made).sections if s.title == "What the optimised variant switches")
    assert [row["flag"] for row in section.blocks[0].rows] == ["store", "pool"]  # type: ignore[union-attr]
    said = "The optimised variant switches 2 flags: 9 lines of code take the place of 2 (+7)"
    assert said in str(section.blocks) and not section.empty
    assert said in {row["risk"]: row["evidence"] for row in risk_rows(made)}["S4-RSK-M1"]


def test_flags_without_files_and_a_system_without_flags_are_said_to_be_so() -> None:
    pool = switched(MANIFEST)
    assert pool == ()  # the system's file is gone
    made = material()
    assert {row["risk"]: row["evidence"] for row in risk_rows(made)}["S4-RSK-M1"] == "none yet"
    refused = [finding.model_copy(update={"verdict": "untrusted"}) for finding in made.findings]
    doubted = {row["risk"]: row["evidence"] for row in risk_rows(replace(made, findings=refused))}
    assert doubted["S4-RSK-M1"] == "none yet"  # no finding bears on lines of code
    alone = replace(made, verdict=replace(made.verdict, judged="baseline"))  # no flag: nothing is switched
    assert {row["risk"]: row["evidence"] for row in risk_rows(alone)}["S4-RSK-M1"].startswith("No flag is switched")
    section = next(s for s in prototype_report(made).sections if s.title == "What the optimised variant switches")
    assert section.empty and "switches nothing" in str(section.blocks)


def test_every_flag_of_the_built_in_optimised_variant_is_listed_with_its_code() -> None:
    system = load_system(ROOT / "data/systems/voice_gateway.toml")
    found = switched(MANIFEST.model_copy(update={"system": str(system.path)}))
    asked = {(f.name, f.baseline, f.optimised) for f in system.flag if f.optimised != f.baseline}
    assert asked and {(s.flag, s.before, s.after) for s in found} == asked
    assert all((ROOT / s.file).is_file() and s.does and s.lines and s.lines_before and s.strategy for s in found)
