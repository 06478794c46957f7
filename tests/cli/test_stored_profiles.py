"""`perflab diff` and the reason behind a verdict, on stored captures: nothing is started, nothing measured."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from perflab.cli import diff
from perflab.cli.app import main
from perflab.errors import NotComparable
from perflab.experiments.conclude.why import conclude_why
from perflab.experiments.profile import source_root
from perflab.experiments.profile_pairs import OPTIONS, USERS, _explain, _units_per_s
from perflab.experiments.study import Study, create_run
from perflab.experiments.trial import NS, Segment, Trial, TrialFacts, TrialSpec, save_facts
from perflab.instrument.difference import save_work
from perflab.instrument.interface import Capture
from perflab.runs import Run
from perflab.samples.schema import LATENESS, RESOURCES, UNITS
from perflab.samples.store import SampleStore
from perflab.system.cores import Cores
from perflab.system.load_file import load_system
from tests.report.fake_run import findings, make
from tests.report.page_facts import PageFacts

SYSTEM = str(Path(__file__).parents[2] / "data/systems/voice_gateway.toml")
PANDAS = {"string": "object", "int64": "int64", "float64": "float64", "bool": "bool"}
ARMS = {"baseline": {"decode": 400, "mix": 300}, "optimised": {"decode": 100, "mix": 300}}
WORK = {"baseline": (0.7, 100.0), "optimised": (0.4, 100.0)}


def study_in(folder: Path, effort: str = "quick") -> Study:
    system = load_system(SYSTEM)
    run = create_run(system, SYSTEM, effort, 7, folder)
    run.update(status="done")
    return Study(run, system, "30_prototype", effort, 7, Cores((0,), (0,)))


def keep_pair(study: Study, number: int, options: dict[str, float] | None = None) -> Path:
    """Keep a capture of each variant with its work and its trial, as a round of pairs leaves them."""
    folder, root = study.run.folder("profiles") / "why" / f"{number}-0", source_root(study)
    for variant, samples in ARMS.items():
        place = folder / variant
        place.mkdir(parents=True)
        lines = [f"<module> ({root}/none.py:1);{name} ({root}/none.py:{at}) {count}"
                 for at, (name, count) in enumerate(samples.items(), 5)]  # fmt: skip
        (place / "pyspy-gil.raw").write_text("\n".join(lines) + "\n")
        Capture("pyspy", "gil", place, {"raw": "pyspy-gil.raw"}, window_s=1.0, rate_hz=250).save()
        cpu_s, units = WORK[variant]
        save_work(place, [(cpu_s, units), (1.01 * cpu_s, units)], "turn")
        keep_trial(study, f"why-{number}-{variant}", variant, OPTIONS if options is None else options)
    return folder


def keep_trial(study: Study, name: str, variant: str, options: dict[str, float]) -> None:
    spec = TrialSpec(name, variant, ((0.0, USERS), (9.0, 0)), 9.0, (Segment("why", 0, 9, USERS),), options=options)
    generator = {"asked_frame_rate": 100.0, "wall_s": 9.0, "late_p99_ms": 0.1, "cpu_percent": 20.0, "lost_frames": 0.0}
    store = SampleStore(study.run.folder("samples"))
    for table in (UNITS, RESOURCES, LATENESS):
        empty = pd.DataFrame({c.name: pd.Series(dtype=PANDAS[c.kind]) for c in table.columns if c.required})
        store.write(table.name, name, empty)
    save_facts(study, TrialFacts(spec, 0, 9 * NS, {}, generator, True, 0.0, {}, 0.0))


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path))
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *runs: str, variants: tuple[str, str]) -> dict:
    assert diff.show_difference(*runs, *variants, as_json=True) == 0
    return json.loads(capsys.readouterr().out)


def test_diff_names_the_function_that_changed_between_two_variants_of_a_run(reports, capsys):
    study = study_in(reports)
    for number in range(3):
        keep_pair(study, number)
    found = shown(capsys, study.run.id, study.run.id, variants=("baseline", "optimised"))
    assert found["own"][0]["function"] == "decode" and found["own"][0]["state"] == "shrank"
    assert found["own"][0]["difference_us"] == pytest.approx(-3000, rel=0.15)
    assert Path(found["page"]).stat().st_size > 1000


def test_diff_names_nothing_between_two_runs_of_the_same(reports, capsys):
    runs = [study_in(reports) for _ in range(2)]
    for study in runs:
        keep_pair(study, 0)
        keep_pair(study, 1)
    found = shown(capsys, *(s.run.id for s in runs), variants=("baseline", ""))
    assert {row["state"] for row in found["own"]} == {"no change shown"}


def test_a_damaged_parquet_of_an_old_run_ends_diff_in_one_line_that_names_it(reports, monkeypatch, capsys):
    study = study_in(reports)
    name = "profile-baseline-pyspy"
    shutil.copytree(keep_pair(study, 0) / "baseline", study.run.folder("profiles") / "baseline")
    shutil.rmtree(study.run.folder("profiles") / "why")
    keep_trial(study, name, "baseline", OPTIONS)
    stored = SampleStore(study.run.folder("samples")).path(UNITS.name, name)
    stored.write_bytes(stored.read_bytes()[:-100])
    monkeypatch.setattr(sys, "argv", ["perflab", "diff", study.run.id, study.run.id])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and out == ""
    assert err.startswith(f"perflab: {stored.name} cannot be read") and "move" in err and len(err.splitlines()) == 1


def test_report_rests_on_findings_so_that_a_damaged_parquet_costs_no_page(reports, monkeypatch, capsys):
    run = make(reports)
    stored = run.folder("samples") / "units.ladder.parquet"
    stored.write_bytes(b"PAR1 and no more")
    monkeypatch.setattr(sys, "argv", ["perflab", "report", run.id])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and err == "" and out.splitlines() == [str(run.path / "index.html")]
    page = PageFacts(run.path / "index.html")
    assert "units.ladder.parquet" in page.text and all(found.id in page.text for found in findings())
    assert stored.read_bytes() == b"PAR1 and no more"


@pytest.mark.parametrize(
    ("commits", "now", "moved"),
    [(("a1", "a1"), "a1", False), (("a1-dirty", "a1-dirty"), "a1-dirty", True), (("a1", "a1"), "a1-dirty", True),
     (("a1", "a2"), "a2", True), (("a1", "a1"), "a2", True), (("", ""), "", True)],
)  # fmt: skip
def test_lines_are_read_only_where_one_clean_commit_says_that_they_are_the_same(
    reports, monkeypatch, commits, now, moved
):
    runs = [study_in(reports).run for _ in commits]
    for run, commit in zip(runs, commits, strict=True):
        run.update(commit=commit)
    monkeypatch.setattr(diff, "commit_of", lambda folder: now)
    assert diff._moved([Run.open(run.path) for run in runs]) is moved


def test_diff_refuses_runs_of_unlike_machines_effort_and_load(reports):
    first, fuller, elsewhere, paced = (study_in(reports, e) for e in ("quick", "full", "quick", "quick"))
    for study in (first, fuller, elsewhere):
        keep_pair(study, 0)
    keep_pair(paced, 0, options={"think_s": 3.0})
    elsewhere.run.update(fingerprint={**elsewhere.run.manifest.fingerprint, "cpu_model": "another"})
    for other, words in ((fuller, "effort differs"), (elsewhere, "cpu_model differs"), (paced, "think_s 3")):
        with pytest.raises(NotComparable, match=words):
            diff.show_difference(first.run.id, other.run.id, "baseline", "", False)


def test_the_finding_of_why_names_the_function_with_trust_and_pictures(reports):
    study = study_in(reports)
    folders = [keep_pair(study, number) for number in range(3)]
    names = tuple(f"why-{n}-{v}" for n in range(3) for v in ARMS)
    why = _explain(study, ("baseline", "optimised"), folders, names, ())
    made = conclude_why(study, why)
    assert made.claim.startswith("CPU per turn fell by") and "decode" in made.claim
    assert made.effect.value < made.effect.high < 0 and made.effect.unit == "ms"
    assert made.effect.metric == "CPU per turn, profiled, against baseline"  # never in one series with the blocks' own
    assert made.trust and all((study.run.path / e.path).is_file() for e in made.evidence)
    shutil.rmtree(folders[0] / "optimised")  # half a pair is no pair
    assert _explain(study, ("baseline", "optimised"), folders, names, ()).own.captures == (2, 2)


def test_the_rate_of_work_ends_with_the_last_window_not_with_the_load(reports):
    study = study_in(reports)
    kind = study.system.load.unit_kind
    start = [round((2 + i / 10) * NS) for i in range(40)]  # ten a second from 2 to 6 s, nothing until 8 s
    rows = pd.DataFrame({"kind": kind, "outcome": "ok", "intended_ns": start, "start_ns": start})
    rows["end_ns"] = rows["start_ns"] + NS // 10
    facts = TrialFacts(TrialSpec("why", "baseline", (), 9.0, ()), 0, 8 * NS, {}, {}, True, 0.0, {}, 0.0)
    trial = Trial(facts, rows, pd.DataFrame(), pd.DataFrame())
    assert _units_per_s(study, trial, 6 * NS) == pytest.approx(10)
    assert _units_per_s(study, trial, 0) == 0
