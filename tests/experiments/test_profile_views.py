"""What a profile shows beside its ranking, on tables with known answers."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from perflab.experiments.bottlenecks import of_command, stage_sentence
from perflab.experiments.profile_views import gate_rows, kernel_words, line_rows, source_line, waiting_rows
from perflab.experiments.slow_turns import slow_turns
from perflab.instrument.ranking import rank
from perflab.instrument.stacks import LIBRARY, LOOP, Place
from perflab.instrument.table import Health, Measure, ProfileTable, make_rows

SOURCE = "def mix(a):\n    return a < 1\n"


def table(sums: dict[Place, float], instrument: str, view: str, unit: str, metric: str = "", **health) -> ProfileTable:
    modelled, seen = frozenset(health.pop("modelled", ())), 1 - health.get("kernel_share", 0)
    rows = make_rows(sums, Measure(instrument, view, metric or unit, unit), "own", 1000, modelled, seen)
    return ProfileTable(tuple(rows), Health(n_samples=1000, **health))  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "work.py").write_text(SOURCE)
    return tmp_path


def test_lines_join_source_cpu_and_memory(root: Path):
    hot, cold = Place("work.py", "mix", 2), Place("gone.py", "old", 9)
    tables = [
        table({hot: 80, cold: 20}, "pyspy", "gil", "samples"),
        table({hot: 90, cold: 10}, "scalene", "cpu", "percent", modelled={hot}),
        table({hot: 4e6}, "memray", "alloc", "bytes", "bytes"),
    ]
    first, second = line_rows(tables, root, units=100.0)
    assert first == {"where": "work.py:2", "function": "mix", "source": "return a < 1", "py-spy GIL (%)": 80.0,
                     "scalene (%)": 90.0, "KB per unit": 40.0, "modelled": True}  # fmt: skip
    assert (second["source"], second["KB per unit"], second["modelled"]) == ("", None, False)


def test_source_lines_are_bounded(root: Path):
    (root / "long.py").write_text("x = '" + "a" * 500 + "'\n")
    assert len(source_line(root / "long.py", 1)) == 140
    assert source_line(root / "work.py", 99) == source_line(root / "nothing.py", 1) == ""


def test_waiting_is_told_only_when_its_gate_allows():
    nap, loop = Place("work.py", "nap", 3), Place(LIBRARY, LOOP, 0)
    gil = table({Place("work.py", "mix", 2): 10}, "pyspy", "gil", "samples", cpu_s=1.0, window_s=10.0)
    for delay, names in ((0.0, ["nap (work.py)"]), (0.3, [])):
        tables = [gil, table({nap: 300, loop: 700}, "pyspy", "wall", "samples", run_delay=delay)]
        assert [row["where"] for row in waiting_rows(tables, rank(tables))] == names
        assert [row["verdict"] for row in gate_rows(rank(tables).gates)][-1] == (
            "believed" if names else "disqualified")  # fmt: skip


def test_nothing_is_said_to_wait_where_nobody_knows_whose_the_cpu_was():
    product, glue = Place("work.py", "product", 3), Place("work.py", "glue", 2)
    gil = table({glue: 10}, "pyspy", "gil", "samples", cpu_s=8.0, window_s=8.0, codes=("P305",))
    tables = [gil, table({product: 600, glue: 400}, "pyspy", "wall", "samples", cpu_s=8.0, window_s=8.0)]
    assert waiting_rows(tables, rank(tables)) == []
    found = of_command([(SimpleNamespace(instrument="pyspy"), each) for each in tables], [], Path(), [])
    assert found.waiting_sentence().startswith("Cannot say what waits: P305")


def test_what_no_view_that_votes_can_see_is_told_beside_their_agreement_and_in_the_bound():
    hot = {Place("work.py", "mix", 2): 80, Place("gone.py", "old", 9): 20}
    gil = table(hot, "pyspy", "gil", "samples", kernel_share=0.14)
    assert "14 % of the CPU went into calls of the kernel" in kernel_words(rank([gil]))
    found = of_command([(SimpleNamespace(instrument="pyspy"), gil)], [], Path(), [])
    assert "14 % of the CPU" in found.agreement_sentence()
    said = found.sentence()  # 0.8 x 0.86 = 69 % of all CPU
    assert "takes 69 %" in said and "(bound x 3.21) and what the kernel did for it, 14 % for all places" in said
    assert "(x 5.81 if all were its)" in said
    assert kernel_words(rank([table(hot, "pyspy", "cpu", "samples", kernel_share=0.14)])) == ""
    assert kernel_words(rank([table(hot, "pyspy", "gil", "samples")])) == ""
    both = [gil, table(hot, "scalene", "cpu", "percent", kernel_share=0.20)]
    assert rank(both).kernel == pytest.approx(0.17, abs=0.001)


def test_a_command_has_no_columns_of_units(root: Path):
    found = of_command([], [("", "P201")], root, [])
    assert found.rows() == [] and math.isnan(found.cpu_ms)
    assert found.waiting_sentence().startswith("No wall-clock view") and found.line_rows() == []


def test_a_program_that_nobody_could_look_into_is_not_told_to_have_no_hot_place(root: Path):
    go = [("pyspy-gil", "P108: it is no Python process."), ("memray", "P114: no Python command."),
          ("scalene", "P114: no Python command.")]  # fmt: skip
    said = of_command([], go, root, []).sentence()
    assert said == (
        "Cannot say where CPU goes: no instrument could look: P108: it is no Python process; P114: no Python command."
    )
    few = table({Place("work.py", "mix", 2): 10}, "pyspy", "gil", "samples", codes=("P305",))
    said = of_command([(SimpleNamespace(instrument="pyspy"), few)], [], root, []).sentence()
    assert said.startswith("Cannot say where CPU goes, as no instrument may vote on it: pyspy gil (P305: much CPU")
    idle = table({Place("work.py", "mix", 2): 1, Place(LIBRARY, LOOP, 0): 999}, "pyspy", "gil", "samples")
    said = of_command([(SimpleNamespace(instrument="pyspy"), idle)], [], root, []).sentence()
    assert said.startswith("No place reaches 1 %")


def seen(name: str, p50: float, owner: str = "other", inside: str = "", n: int = 41) -> dict[str, object]:
    return {"stage": name, "owner": owner, "inside": inside, "n": n, "p50": p50, "p95": 2 * p50}


@pytest.mark.parametrize("owner", ["system", "shared"])
def test_the_systems_own_time_holds_no_stage_inside_another_one(owner: str):
    study = SimpleNamespace(system=SimpleNamespace(name="shop", unit="turn"))
    stages = [
        seen("up", 1.0, "system"), seen("think", 979.0), seen("tool", 161.0, owner, "think", 11),
        seen("down", 230.0, "system"),
    ]  # fmt: skip
    said = stage_sentence(study, stages)
    assert said.startswith("Of the 1210 ms") and "41 turns), 231.0 ms are the system's own" in said
    assert "11 of 41 turns also had tool inside think, 161 ms" in said
    assert ("others' time included" in said) is (owner == "shared")
    assert "speech" not in said and "also had" not in stage_sentence(study, stages[:2])


def test_the_tool_call_of_the_shipped_system_is_no_time_of_its_own(study):
    [call] = [s for s in study.system.spans.stage if s.from_ == "tool_start"]
    assert (call.owner, bool(call.inside)) == ("shared", True)


def stage(name: str, begin: str, end: str, owner: str = "", inside: str = "") -> SimpleNamespace:
    return SimpleNamespace(name=name, from_=begin, to=end, owner=owner, inside=inside)


@pytest.mark.parametrize("owner", ["system", "shared"])
def test_slow_turns_bound_what_code_can_cost(owner: str):
    stages = [
        stage("in", "start", "m1", "system"),
        stage("think", "m1", "m2"),
        stage("tool", "m1", "m3", owner, "think"),
        stage("out", "m2", "end", "system"),
    ]
    study = SimpleNamespace(system=SimpleNamespace(spans=SimpleNamespace(stage=stages), unit="turn"))
    ms = 1_000_000
    rows = pd.DataFrame({"outcome": "ok", "start_ns": ms, "m1": [ms + (10 + i) * ms for i in range(60)]})
    rows["m2"], rows["m3"] = rows["m1"] + 100 * ms, rows["m1"] + 5 * ms
    rows["end_ns"] = rows["m2"] + 20 * ms
    found = slow_turns(study, rows)  # the slowest three: 67, 68 and 69 ms in the first stage
    assert (found.n, found.slow, found.own_ms, found.inside_ms) == (60, 3, pytest.approx(88), pytest.approx(5))
    assert found.total_ms == pytest.approx(188)
    assert (found.busy, found.bound) == (pytest.approx(88 / 188), pytest.approx(93 / 188))
    assert "no function can take more than 49.5 % of a slow turn" in found.sentence("turn")
    assert slow_turns(study, rows.head(5)) is None
