"""What the profile concludes: samples that voted, trust on every finding, sentences that a reader understands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from perflab.experiments.bottlenecks import Bottlenecks, of_command
from perflab.experiments.conclude.profile import conclude
from perflab.experiments.profile import ProfilePass
from perflab.experiments.trial import NS, Segment, Trial, TrialFacts, TrialSpec
from perflab.experiments.units_of_work import Window
from perflab.instrument.leak import Growth
from perflab.instrument.overhead import Bracket, judge_overheads
from perflab.instrument.ranking import rank
from perflab.instrument.series import Bare, Series, Subject, _bracket
from perflab.instrument.stacks import LIBRARY, Place
from perflab.instrument.table import Health, Measure, ProfileTable, make_rows
from perflab.report.markdown_text import as_markdown

HOT, WARM = Place("work.py", "mix", 2), Place("work.py", "pack", 5)
MEMORY = {"where": "mix (work.py)", "allocated (MB)": 3.0, "at the peak (MB)": 2.0, "held at the end (MB)": 1.0}


def table(sums: dict[Place, float], instrument: str, view: str, n: int, **health: float) -> ProfileTable:
    rows = make_rows(sums, Measure(instrument, view, "samples", "samples"), "own", n)
    return ProfileTable(tuple(rows), Health(n_samples=n, **health))


def trial(late_ms: float = 0.1) -> Trial:
    spec = TrialSpec("profile-baseline-pyspy", "baseline", ((0.0, 5),), 10.0, (Segment("profile", 0, 10, 5),))
    generator = {"asked_frame_rate": 100.0, "wall_s": 10.0, "late_p99_ms": late_ms, "cpu_percent": 20.0,
                 "lost_frames": 0.0}  # fmt: skip
    facts = TrialFacts(spec, 0, 10, {}, generator, False, 0.0, {}, 0.0)
    return Trial(facts, pd.DataFrame(), pd.DataFrame(), pd.DataFrame())


def found(tables: list[ProfileTable]) -> Bottlenecks:
    empty = of_command([], [], Path(), [])
    costs = judge_overheads({"pyspy-gil": Bracket(1.0, 1.05, 1.02)})
    return replace(empty, ranking=rank(tables), tables=tuple(tables), memory=(MEMORY,), overheads=costs)


def tables() -> list[ProfileTable]:
    return [
        table({HOT: 70, WARM: 30}, "pyspy", "gil", 900, cpu_s=1.0, window_s=10.0),
        table({HOT: 80, WARM: 20}, "scalene", "cpu", 300),
        table({WARM: 60, HOT: 40}, "pyspy", "wall", 50_000),
    ]


def concluded(study, passes: list[ProfilePass]) -> dict[str, object]:
    profiled = replace(study, notebook="10_baseline_profile")
    return {f.id: f for f in conclude(profiled, passes, found(tables()), [], {})}


def test_the_cpu_finding_counts_the_samples_that_voted_and_no_others(study):
    assert concluded(study, [ProfilePass("py-spy", trial())])["F10-2"].effect.n == 1200


def test_memory_waiting_and_cost_carry_the_trust_of_their_own_passes(study):
    well, late = trial(), trial(late_ms=1e4)
    made = concluded(study, [ProfilePass("py-spy", well), ProfilePass("memray-launch", late)])
    assert [made[f"F10-{n}"].verdict for n in (3, 4, 5)] == ["untrusted", "untrusted", "reported"]
    assert all(made[f"F10-{n}"].trust for n in (3, 4, 5))
    made = concluded(study, [ProfilePass("py-spy", late), ProfilePass("memray-launch", well)])
    assert [made[f"F10-{n}"].verdict for n in (3, 4, 5)] == ["reported", "untrusted", "untrusted"]


def test_the_cost_says_against_what_it_was_measured(study):
    made = concluded(study, [ProfilePass("py-spy", trial())])["F10-4"]
    assert "just before and just after it" in made.claim and "processes of their own" in made.caveats[0]


def test_costs_of_which_most_are_not_to_be_believed_are_no_result(study):
    profiled, passes = replace(study, notebook="10_baseline_profile"), [ProfilePass("py-spy", trial())]
    steady, drifting = Bracket(1.0, 1.05, 1.02), Bracket(1.0, 1.5, 1.2)
    for names, verdict in ((("memray",), "reported"), (("memray", "scalene"), "inconclusive")):
        costs = judge_overheads({"pyspy-gil": steady, **dict.fromkeys(names, drifting)})
        case = replace(found(tables()), overheads=costs)
        made = {f.id: f for f in conclude(profiled, passes, case, [], {})}["F10-4"]
        assert made.verdict == verdict and bool(made.next_step) is (verdict == "inconclusive")
        assert any("not to be believed" in caveat for caveat in made.caveats)


def test_each_instrument_is_held_against_the_unwatched_work_nearest_to_it(study, monkeypatch):
    from perflab.experiments import profile

    def span(start: float) -> Window:
        return Window(int(start * NS), int((start + 1) * NS))

    sampled = ProfilePass("py-spy", trial(), [span(0), span(4), span(8)], {"gil": span(2), "wall": span(6)})
    memray = ProfilePass("memray-launch", trial(), watched={"memray": span(12)})
    scalene = ProfilePass("scalene-cpu", trial(), watched={"scalene": span(16)})
    bare = ProfilePass("bare-2", trial(), [span(20)])
    last = ProfilePass("scalene-full", trial(), watched={"full": span(24)})
    monkeypatch.setattr(profile, "cpu_ms_per_unit", lambda study, trial, spans: spans[0].start_ns / NS * 1e3 + 1e3)
    found = profile.brackets(study, [sampled, memray, scalene, bare, last])
    sides = {name: (round(b.before_s), round(b.under_s), round(b.after_s)) for name, b in found.items()}
    assert sides == {"gil": (1, 3, 5), "wall": (5, 7, 9), "memray": (9, 13, 21), "scalene": (9, 17, 21)}


def test_a_library_in_first_place_is_told_as_time_that_no_own_function_entered():
    google = Place(LIBRARY, "google.genai", 0)
    said = found([table({google: 80, HOT: 20}, "pyspy", "gil", 1000)])
    assert said.sentence().startswith("Time inside google.genai that no own function entered takes 80 %")
    assert "own code" not in said.sentence() and "line 0" not in said.sentence()
    assert said.rows()[0]["where"] == "Time inside google.genai that no own function entered"


def test_a_first_place_whose_share_is_disputed_tells_both_and_the_larger_bound(study):
    far = [
        table({HOT: 432, WARM: 568}, "pyspy", "gil", 581), table({HOT: 9, WARM: 991}, "scalene", "cpu", 231),
    ]  # fmt: skip
    said = found(far).sentence()
    assert "(pyspy-gil 57 %, scalene-cpu 99 %: more apart than their samples explain)" in said
    assert "removing it could save at most 99 % (bound x 111.11)" in said
    profiled = replace(study, notebook="10_baseline_profile")
    made = {f.id: f for f in conclude(profiled, [ProfilePass("py-spy", trial())], found(far), [], {})}["F10-2"]
    assert made.effect.method == "span of gated instruments that disagree"
    assert made.effect.low < 57 and made.effect.high > 99


def test_names_survive_markdown():
    assert as_markdown("<module> of __init__ * [0, 1] & `x`") == (
        r"&lt;module&gt; of \_\_init\_\_ \* [0, 1] &amp; \`x\`"
    )


def test_a_run_that_ends_by_itself_is_costed_with_the_cpu_of_its_imports(tmp_path: Path):
    capture = SimpleNamespace(name="pyspy-gil", cpu_s=1.0, work_units=0.0, schedstat_before=(0.6, 0.0))
    series = Series(Subject(("x",), tmp_path, tmp_path), "run")
    bracket = _bracket(series, Bare(True, 1.6, 1.0), capture, Bare(True, 1.6, 1.0))
    assert bracket == Bracket(1.6, 1.6, 1.6)
    assert _bracket(series, Bare(True, 1.6, 1.0), capture, Bare(True, 0.1, 1.0)) is None


def test_the_finding_on_growth_names_the_leak_or_says_why_nobody_could_look(study):
    profiled, passes = replace(study, notebook="10_baseline_profile"), [ProfilePass("py-spy", trial())]
    leak = Growth("work.py", "note", 5, 1e6, 0.95e6, 1.05e6, 3_000_000, 6_000_000, 400, "leak")
    seen = replace(found(tables()), growth=(leak,))
    blind = replace(found(tables()), problems=(("memray-attach", "P106: no debugger. Install gdb"),))
    for case, verdict, words in (
        (seen, "reported", "note (work.py, line 5) leaks"),
        (blind, "inconclusive", "not known"),
    ):
        made = {f.id: f for f in conclude(profiled, passes, case, [], {})}["F10-6"]
        assert made.verdict == verdict and words in made.claim and made.trust
        assert ("P106" in made.next_step) is (case is blind)
