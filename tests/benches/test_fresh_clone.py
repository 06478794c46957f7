"""What a fresh clone takes is measured in a clone, under the bench's own lock, and nothing of it is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from perflab.benches import gateway, quick_spike
from perflab.benches.bar import Bar
from perflab.benches.quick_spike import ASKED, FirstFinding, about_the_system, fresh_bars, run_bars
from perflab.experiments.effort import QUICK
from perflab.experiments.study import reports_folder
from perflab.findings.finding import Finding, dump_findings
from perflab.instrument import proc
from perflab.report.run_page import build_run_page
from perflab.runs import MEASURING, Manifest, Run, Step, exclusive
from perflab.system.cores import GIVEN

SPIKE = """
import os, sys
from perflab.experiments.study import reports_folder
from perflab.findings.finding import Finding, dump_findings
from perflab.report.run_page import build_run_page
from perflab.runs import Manifest, Run, Step, exclusive

assert sys.argv[1:] == ["spike", "--effort", "quick"], sys.argv
with exclusive(reports_folder()):
    print("cores", len(os.sched_getaffinity(0)), flush=True)
    made = Manifest(run_id="20260101T000000Z-quick-0001", created="2026-01-01T00:00:00+00:00", system="s.toml",
                    system_name="s", effort="quick", domain="d", rng_seed=7)
    run = Run.create(reports_folder(), made)
    for name, took in (("00_machine", 21.0), ("10_baseline_profile", 90.0)):
        claim = Finding(id=f"F{name[:2]}-1", notebook=name, question="What?", claim="This.", kind="observation",
                        verdict="reported", level="measured-quick")
        (run.folder("findings") / f"{name}.json").write_bytes(dump_findings([claim]))
        run.set_step(Step(name=name, status="done", budget_s=20.0 if name == "00_machine" else 90.0, wall_s=took))
        build_run_page(run)
print("Took 2 minutes.")
sys.exit(CODE)
"""
MAKE = """#!/bin/sh
[ "$1" = setup ] || exit 9
mkdir -p .venv/bin && printf '#!/bin/sh\\nexec %s "%s/spike.py" "$@"\\n' "$INTERPRETER" "$PWD" > .venv/bin/perflab
chmod +x .venv/bin/perflab && echo "set up with uv"
"""


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True, capture_output=True)


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Return what makes a repository with a spike and a make of a few lines; whatever they leave is in `scratch`."""
    tools, scratch, repository = (tmp_path / name for name in ("tools", "scratch", "repository"))
    for folder in (tools, scratch, repository):
        folder.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("INTERPRETER", sys.executable)
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    def made(spike: str, make: str = MAKE) -> Path:
        (tools / "make").write_text(make)
        (tools / "make").chmod(0o755)
        (repository / "pyproject.toml").write_text("")
        (repository / "spike.py").write_text(spike)
        git(repository, "init", "--quiet")
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "-m", "Plant a spike")
        return repository

    yield made
    assert [path.name for path in scratch.iterdir() if path.is_dir()] == []


def by_id(bars: list[Bar]) -> dict[str, Bar]:
    assert [bar.id for bar in bars] == list(ASKED)
    return {bar.id: bar for bar in bars}


def test_both_commands_are_measured_in_the_clone_while_the_bench_holds_the_machine(planted, monkeypatch):
    """The spike in the clone takes its own lock: with the reports or without the word of the bench it would refuse."""
    repository, lines = planted(SPIKE.replace("CODE", "3")), []
    (repository / "spike.py").write_text("raise SystemExit(2)")  # in no commit: the clone must not have it
    (repository / "new.py").touch()
    monkeypatch.delenv(MEASURING)
    every = os.sched_getaffinity(0)
    monkeypatch.setenv(GIVEN, ",".join(map(str, sorted(every))))
    os.sched_setaffinity(0, {min(every)})  # as the bench does; the fresh clone must have the whole machine
    try:
        with exclusive(reports_folder()):
            bars = by_id(fresh_bars(repository, lines.append))
    finally:
        os.sched_setaffinity(0, every)
    assert {"  set up with uv", f"  cores {len(every)}", "  Took 2 minutes."} <= set(lines)
    assert 0 < bars["6.setup"].value < bars["6.first"].value <= bars["6.quick"].value
    whole = bars["6.quick"].detail
    assert whole["exit_code"] == 3 and "refused" in whole["ended"] and whole["left_out"].startswith("2 files")
    assert bars["6.quick"].value == pytest.approx(whole["setup_s"] + whole["spike_s"])
    assert bars["6.budget"].value == 1 and bars["6.budget"].detail["over"] == ["00_machine"] and bars["6.budget"].n == 3
    assert not bars["6.budget"].holds and bars["6.page"].holds
    assert not (reports_folder() / "runs").exists()


def test_a_clean_checkout_has_nothing_left_out(planted):
    bars = by_id(fresh_bars(planted(SPIKE.replace("CODE", "0")), lambda _: None))
    assert "left_out" not in bars["6.setup"].detail and bars["6.quick"].detail["exit_code"] == 0
    assert "ended" not in bars["6.quick"].detail


@pytest.mark.parametrize("code", [2, 130])
def test_a_spike_that_failed_has_no_figures_and_the_set_up_keeps_its_own(planted, code):
    bars = by_id(fresh_bars(planted(SPIKE.replace("CODE", str(code))), lambda _: None))
    assert bars["6.setup"].value is not None
    for id in list(ASKED)[1:]:
        reason = bars[id].detail["reason"]
        assert bars[id].value is None and f"exit code {code}" in reason and "Took 2 minutes." in reason
        assert reason in bars[id].line()


def test_without_a_package_index_no_bar_has_a_value(planted):
    make = "#!/bin/sh\necho 'no matching distribution' >&2\necho 'make: *** [.venv/.ready] Error 1' >&2\nexit 2\n"
    bars = by_id(fresh_bars(planted(SPIKE, make), lambda _: None))
    assert {bar.value for bar in bars.values()} == {None}
    assert {bar.detail["reason"] for bar in bars.values()} == {"make setup: exit code 2 (no matching distribution)"}


def test_a_set_up_without_a_command_says_so(planted):
    bars = by_id(fresh_bars(planted(SPIKE, "#!/bin/sh\n"), lambda _: None))
    assert bars["6.setup"].value is not None and "perflab cannot be started" in bars["6.quick"].detail["reason"]


def test_what_is_lacking_is_the_reason(planted, tmp_path, monkeypatch):
    repository = planted(SPIKE)
    bars = by_id(fresh_bars(tmp_path / "tools", lambda _: None))
    assert {bar.value for bar in bars.values()} == {None} and "repository" in bars["6.quick"].detail["reason"]
    monkeypatch.setenv("PATH", str(tmp_path / "scratch"))
    assert "no make" in by_id(fresh_bars(repository, lambda _: None))["6.setup"].detail["reason"]
    monkeypatch.setattr(quick_spike, "perflab_commit", lambda: "")
    assert "git checkout" in by_id(quick_spike.bars(lambda _: None))["6.first"].detail["reason"]


LEAVING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("started", child.pid, flush=True)
time.sleep(600)
"""


def test_an_interrupted_bench_leaves_no_process_and_no_clone(planted):
    pids = []

    def say(line: str) -> None:
        if line.startswith("  started"):
            pids.append(int(line.split()[1]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fresh_bars(planted(LEAVING), say)
    assert pids and not any(proc.alive(pid) for pid in pids)


def test_a_spike_that_does_not_end_is_stopped(planted, monkeypatch):
    pids = []
    monkeypatch.setattr(quick_spike, "SPIKE_LIMIT_S", 3.0)
    bars = by_id(
        fresh_bars(planted(LEAVING), lambda line: pids.append(int(line.split()[1])) if "  started" in line else None)
    )
    assert bars["6.quick"].value is None and "still ran after 3 s" in bars["6.quick"].detail["reason"]
    assert not any(proc.alive(pid) for pid in pids)


def run_with(reports: Path, *steps: Step) -> Run:
    return Run.create(reports, Manifest(run_id="20260101T000000Z-quick-0001", created="2026-01-01T00:00:00+00:00",
                                        system="s.toml", system_name="s", effort="quick", domain="d", rng_seed=7,
                                        steps=steps))  # fmt: skip


def conclude(run: Run, notebook: str) -> None:
    claim = Finding(id=f"F{notebook[:2]}-1", notebook=notebook, question="What?", claim="This.", kind="observation",
                    verdict="reported", level="measured-quick")  # fmt: skip
    (run.folder("findings") / f"{notebook}.json").write_bytes(dump_findings([claim]))
    build_run_page(run)


def test_the_first_finding_is_about_the_system_and_stands_on_the_page(tmp_path):
    first = FirstFinding(tmp_path)
    first.look(1.0)
    run = run_with(tmp_path)
    for at, notebook in ((2.0, "00_machine"), (3.0, "01_how_numbers_lie")):
        conclude(run, notebook)
        first.look(at)
        assert first.seen_s is None
    conclude(run, "10_baseline_profile")
    first.look(40.0)
    conclude(run, "11_baseline_load")
    first.look(70.0)
    assert first.seen_s == pytest.approx(40.0, abs=20)  # the reading of the page is added


def test_a_link_to_a_finding_is_none():
    assert not about_the_system('<a href="#f10-1">F10-1</a><article class="block" id="f00-1">')
    assert about_the_system('<article class="block" id="f00-1"></article><article class="block" id="f30-target-1">')


@pytest.mark.parametrize(("setup_s", "over"), [(89.0, []), (91.0, ["set-up"])])
def test_the_set_up_is_a_step_with_a_budget(tmp_path, setup_s, over):
    run = run_with(tmp_path, Step(name="00_machine", status="done", budget_s=20.0, wall_s=20.0))
    budget, page = run_bars(run, setup_s, {"commit": "c"})
    assert budget.value == len(over) and budget.detail["over"] == over and budget.holds is not bool(over)
    assert budget.detail["steps"]["set-up"] == {"seen_s": setup_s, "budget_s": QUICK.budget_s["setup"]}
    assert page.value is None and "no page" in page.detail["reason"]


def test_the_group_needs_no_run_of_the_bench(monkeypatch):
    monkeypatch.setattr(gateway, "bench_study", lambda: pytest.fail("a study was started"))
    monkeypatch.setattr(quick_spike, "bars", lambda say: [Bar("6.setup", "t", 11.0, "<", 90, "s")])
    assert [bar.id for bar in gateway.run({"quick"}, lambda _: None)] == ["6.setup"]
