"""What goes wrong in a study: one clear line, the right exit code, everything measured is kept, nothing runs on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from perflab.runs import list_runs

pytestmark = pytest.mark.slow


def spike(
    root: Path, reports: Path, *args: str, system: str = "tests/systems/notes/notes.toml"
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "perflab", "spike", "--system", str(root / system), "--time-scale", "0.2", *args],
        # Without git: whoever edits the tree meanwhile must not keep a run from going on.
        cwd=root, env={**os.environ, "PERFLAB_REPORTS": str(reports), "GIT_CEILING_DIRECTORIES": str(root)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A shell starts background jobs with SIGINT ignored, and children inherit that: here it must arrive.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def wait_for(condition, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.1)


def survivors(text: str) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        command = " ".join(process.info["cmdline"] or [])
        if text in command and process.info["pid"] != os.getpid():
            found.append(command)
    return found


def trial_running(reports: Path, file: str = "notes.log") -> bool:
    return any(reports.glob(f"runs/*/trials/*/{file}"))


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "reports"


@pytest.fixture(scope="module")
def stopped(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """Stop a study by Ctrl-C in its second notebook; return its exit code, what it said, and its reports."""
    reports = tmp_path_factory.mktemp("stopped") / "reports"
    process = spike(root, reports, "--only", "00_machine,11_baseline_load")
    wait_for(lambda: trial_running(reports), 240)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return process.returncode, err, reports


@pytest.mark.timeout(600)
def test_ctrl_c_leaves_a_readable_run_that_is_carried_to_its_end(root, stopped, reports):
    code, err, left = stopped
    assert code == 130, err
    assert "Traceback" not in err and "--resume" in err
    wait_for(lambda: survivors(str(left)) == [], 10)
    shutil.copytree(left, reports)  # another test goes on with the run as it was left
    (run,), problems = list_runs(reports)
    assert problems == [] and run.manifest.status == "interrupted"
    assert run.step("00_machine").status == "done" and run.step("11_baseline_load").status == "interrupted"
    assert (run.path / "index.html").is_file()

    again = spike(root, reports, "--resume", run.id, "--only", "00_machine")
    _, err = again.communicate(timeout=120)
    assert "00_machine:" not in err, "a finished notebook was measured again"
    (after,), _ = list_runs(reports)
    assert after.step("00_machine").wall_s == run.step("00_machine").wall_s
    assert again.returncode == 2 and "11_baseline_load interrupted" in err, "it counts as finished without a notebook"
    assert after.manifest.status == "interrupted" and not any(reports.glob("history/runs/*.parquet"))

    whole = spike(root, reports, "--resume", run.id)
    _, err = whole.communicate(timeout=300)
    (ended,), _ = list_runs(reports)
    assert whole.returncode in (0, 3), err  # beside other tests the load generator may be late: it ends all the same
    assert ended.manifest.status == "done" and ended.step("11_baseline_load").status == "done"
    assert ended.step("00_machine").wall_s == run.step("00_machine").wall_s, "a finished notebook was measured again"
    assert any(reports.glob("history/runs/*.parquet"))


def test_a_killed_command_leaves_nothing_running(root, reports):
    process = spike(root, reports, "--only", "11_baseline_load")
    wait_for(lambda: trial_running(reports, "load.log"))
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: survivors(str(reports)) == [], 15)
    assert list_runs(reports)[1] == []


@pytest.mark.timeout(600)
def test_a_system_that_dies_mid_load_is_named(root, stopped, reports):
    """In a study that goes on where another was stopped: what was measured before both is kept."""
    shutil.copytree(stopped[2], reports)
    shutil.rmtree(next(reports.glob("runs/*/trials")))
    process = spike(root, reports, "--resume", next(reports.glob("runs/*")).name)
    wait_for(lambda: trial_running(reports, "load.go.json"))

    def victim() -> list[psutil.Process]:
        mine = [
            p for p in psutil.Process(process.pid).children(recursive=True) if "service.py" in " ".join(p.cmdline())
        ]
        return [p for p in mine if p.is_running()]

    wait_for(lambda: bool(victim()))
    time.sleep(0.5)  # mid-load
    for each in victim():
        each.kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert "Traceback" not in err and "notes ended with signal SIGKILL" in err, err
    (run,), _ = list_runs(reports)
    assert run.step("00_machine").status == "done" and run.step("11_baseline_load").status == "failed"
    assert (run.path / "notebooks" / "11_baseline_load.ipynb").is_file()
    wait_for(lambda: survivors(str(reports)) == [], 10)


def test_two_measurements_at_once_are_refused(root, reports):
    first = spike(root, reports, "--only", "00_machine")
    try:
        wait_for(lambda: (reports / ".lock").exists() and (reports / ".lock").read_text() != "")
        second = spike(root, reports, "--only", "00_machine")
        _, err = second.communicate(timeout=60)
        assert second.returncode == 2 and "Another measurement is running" in err
        assert len(err.strip().splitlines()) == 1
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=60)


def test_a_system_that_never_gets_ready(root, reports, tmp_path):
    text = (
        (root / "tests/systems/notes/notes.toml")
        .read_text()
        .replace("{system_dir}/service.py", "{system_dir}/sleep.py")
    )
    text = text.replace(
        'ready = { http = "http://127.0.0.1:{port:http}/healthz", timeout_s = 20 }',
        'ready = { http = "http://127.0.0.1:{port:http}/healthz", timeout_s = 2 }',
    )
    for name in ("locustfile.py", "targets.toml"):
        (tmp_path / name).write_text((root / "tests/systems/notes" / name).read_text())
    (tmp_path / "sleep.py").write_text("import time\nprint('asleep', flush=True)\ntime.sleep(60)\n")
    (tmp_path / "slow.toml").write_text(text.replace("../../../data", str(root / "data")))
    process = spike(root, reports, "--only", "11_baseline_load", system=str(tmp_path / "slow.toml"))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2 and "was not ready after 2 s" in err and "asleep" in err, err
    assert "Traceback" not in err
    wait_for(lambda: survivors("sleep.py") == [], 10)
