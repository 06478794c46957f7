"""How a process ended, how long it stood still, and what scalene's file gives away."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kettle_workload import RECORDED, RECORDED_ROOT, WORKLOAD

from perflab.errors import InstrumentFailure
from perflab.instrument.callable_target import find
from perflab.instrument.ending import ended_early, how_it_ended
from perflab.instrument.interface import Target, load_capture
from perflab.instrument.pauses import Pauses
from perflab.instrument.preflight import check_window, interpreter
from perflab.instrument.scalene import Scalene
from perflab.instrument.window import wait_gone


def ended(code: str) -> subprocess.Popen[bytes]:
    """A process that has ended and that nobody has collected."""
    child = subprocess.Popen([sys.executable, "-c", code])
    assert wait_gone(child.pid, 10)
    return child


def test_exit_code_and_signal_are_read_before_anybody_collects_the_process() -> None:
    left = ended("raise SystemExit(7)")
    killed = ended("import os; os.kill(os.getpid(), 9)")
    assert (how_it_ended(left.pid).code, how_it_ended(killed.pid).signum) == (7, signal.SIGKILL)
    target = Target(Path(), pid=killed.pid)
    assert ended_early(target, 1.0, 5.0).code == "P211" and "SIGKILL" in str(ended_early(target, 1.0, 5.0))
    assert ended_early(Target(Path(), pid=left.pid), 1.0, 5.0).code == "P202"
    for child in (left, killed):
        child.wait()
    assert "only its parent knows" in str(how_it_ended(left.pid))


def test_a_stop_is_measured_from_outside() -> None:
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with Pauses(child.pid) as pauses:
            time.sleep(0.1)
            os.kill(child.pid, signal.SIGSTOP)
            time.sleep(0.3)
            os.kill(child.pid, signal.SIGCONT)
            time.sleep(0.05)
        assert 0.2 < pauses.longest_s < 1.5
    finally:
        child.kill()
        child.wait()


def test_a_process_that_never_stops_has_no_pause() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
    with Pauses(child.pid) as pauses:
        time.sleep(0.1)
    child.kill()
    child.wait()
    assert pauses.longest_s == 0


def test_a_window_that_cannot_yield_enough_is_told_before() -> None:
    [problem] = check_window(0.1, 250, 100)
    assert problem.code == "P119" and "0.4 s or more" in problem.mend
    assert check_window(0.4, 250, 100) == check_window(0.0, 250, 100) == []


def test_flags_that_decide_about_imports_are_kept() -> None:
    assert interpreter(Target(Path(), argv=(sys.executable, "-I", "-X", "dev", "-m", "x")))[1:] == ["-I"]
    assert interpreter(Target(Path(), argv=(sys.executable, "x.py", "-I")))[1:] == []


@pytest.mark.parametrize("name", ["json", "json:no_such", "no_such_module:x", "json:__name__", ":f"])
def test_what_cannot_be_called_is_refused(name: str) -> None:
    with pytest.raises(LookupError):
        find(name)
    assert find("json:JSONEncoder.encode") is json.JSONEncoder.encode


@pytest.fixture
def profile(tmp_path: Path) -> tuple[Path, dict]:
    for file in RECORDED.glob("scalene-cpu.*"):
        shutil.copy(file, tmp_path)
    text = (tmp_path / "scalene-cpu.json").read_text().replace(str(RECORDED_ROOT), str(WORKLOAD / "kettle"))
    return tmp_path, json.loads(text)


def parsed(profile: tuple[Path, dict]):
    folder, body = profile
    (folder / "scalene-cpu.json").write_text(json.dumps(body))
    path = folder / "scalene-cpu.capture.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digests": {}}))
    return Scalene().parse(load_capture(path), WORKLOAD / "kettle")


def test_scalenes_own_threads_are_dropped_and_told(profile: tuple[Path, dict]) -> None:
    plain = parsed(profile)
    some = next(iter(profile[1]["files"].values()))["lines"][0]
    phantom = {**some, "line": "        self._target(*self._args, **self._kwargs)\n", "n_cpu_percent_python": 75.0}
    profile[1]["files"]["/usr/lib/python3.11/threading.py"] = {"lines": [phantom], "functions": []}
    seen = parsed(profile)
    assert seen.by_function(view="cpu") == plain.by_function(view="cpu")
    assert "P312" in seen.health.codes and "P312" not in plain.health.codes


def test_an_empty_profile_of_scalene_is_p212(profile: tuple[Path, dict]) -> None:
    with pytest.raises(InstrumentFailure) as error:
        parsed((profile[0], {}))
    assert error.value.code == "P212"
