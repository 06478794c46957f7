"""Every failure gives its code in a few seconds, one line, and leaves no process."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from kettle_workload import WORKLOAD, gone, kettle

from perflab.errors import InstrumentFailure
from perflab.instrument.command import profile_command
from perflab.instrument.failures import CODES
from perflab.instrument.interface import Target
from perflab.instrument.memray import Memray
from perflab.instrument.preflight import check_folder, check_importable, check_source
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene

ROOT = WORKLOAD / "kettle"


def code_of(call) -> str:
    began = time.monotonic()
    with pytest.raises(InstrumentFailure) as error:
        call()
    assert "\n" not in str(error.value) and str(error.value).startswith(error.value.code)
    assert time.monotonic() - began < 15
    return error.value.code


def test_every_code_has_a_cause_and_a_remedy():
    assert len(CODES) >= 24
    assert all(cause and remedy for cause, remedy in CODES.values())


def test_a_dead_process_is_p102(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    target = Target(ROOT, pid=child.pid)
    for instrument in (PySpy(), Memray("attach"), Scalene(), Memray()):
        assert code_of(lambda instrument=instrument: instrument.capture(target, 1, tmp_path)) == "P102"


def test_a_zombie_is_dead(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    time.sleep(0.3)
    assert code_of(lambda: PySpy().capture(Target(ROOT, pid=child.pid), 1, tmp_path)) == "P102"
    child.wait()


def test_a_process_that_is_no_python_is_p108(tmp_path):
    child = subprocess.Popen(["sleep", "20"])
    try:
        assert code_of(lambda: PySpy().capture(Target(ROOT, pid=child.pid), 1, tmp_path)) == "P108"
    finally:
        child.kill()
        child.wait()


def test_an_idle_target_is_p201_and_no_empty_table(start, tmp_path):
    target = start(kettle())
    assert code_of(lambda: PySpy("gil").capture(target, 1, tmp_path)) == "P201"


def test_a_target_that_ends_mid_window_is_p202(start, tmp_path):
    target = start(kettle("--rate", "200", "--seconds", "2"))
    assert code_of(lambda: PySpy().capture(target, 6, tmp_path)) == "P202"


def test_a_missing_profiler_is_p110(monkeypatch, tmp_path, start):
    monkeypatch.setattr("perflab.instrument.preflight.pyspy_path", lambda: None)
    target = start(kettle())
    assert code_of(lambda: PySpy().capture(target, 1, tmp_path)) == "P110"


def test_no_debugger_is_p106(monkeypatch, start, tmp_path):
    target = start(kettle())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_of(lambda: Memray("attach").capture(target, 1, tmp_path)) == "P106"


def test_an_interpreter_without_memray_is_p107(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    found = check_importable("memray", str(tmp_path / "bare/bin/python"), code="P107")
    assert [problem.code for problem in found] == ["P107"]


def test_commands_that_cannot_be_profiled(tmp_path):
    def run(argv):
        return code_of(lambda: profile_command(argv, Scalene(), ROOT, tmp_path))

    assert run(["no-such-program", "-m", "x"]) == "P116"
    assert run(["/bin/ls", "-l"]) == "P114"
    assert run([sys.executable, "-c", "pass"]) == "P114"


def test_a_process_that_is_not_wrapped_is_never_signalled(start, tmp_path):
    target = start(kettle())
    assert code_of(lambda: Scalene().capture(target, 1, tmp_path)) == "P203"
    assert code_of(lambda: Scalene().begin(target.pid)) == "P203"
    assert not gone(target.pid, 0.5)


def test_two_in_process_profilers_are_p115(start, tmp_path):
    argv, env = Memray().wrap(kettle(), dict(__import__("os").environ), tmp_path, ROOT)
    target = start(argv, env)
    assert code_of(lambda: Memray("attach").capture(target, 1, tmp_path)) == "P115"


def test_folders_that_cannot_serve(tmp_path):
    (tmp_path / "file").write_text("")
    assert check_folder(tmp_path / "file" / "below")[0].code == "P111"
    assert check_source(Target(tmp_path))[0].code == "P112"
    prefix = Target(Path(sys.prefix) / "lib", argv=tuple(kettle()))
    assert Scalene().preflight(prefix)[0].code == "P113"


def test_a_command_that_ends_at_once_names_its_failure(tmp_path):
    argv = [sys.executable, "-m", "kettle_that_is_not_there"]
    assert code_of(lambda: profile_command(argv, PySpy(), ROOT, tmp_path, window_s=1)) == "P102"


@pytest.mark.parametrize(
    ("words", "options", "program", "args"),
    [
        (["-O", "-X", "dev", "-m", "shop", "-O"], ["-O", "-X", "dev"], ["-m", "shop"], ["-O"]),
        (["-Xdev", "-Wignore", "serve.py", "-m", "x"], ["-Xdev", "-Wignore"], ["serve.py"], ["-m", "x"]),
        (["-W", "ignore", "-Im", "shop"], ["-W", "ignore", "-I"], ["-m", "shop"], []),
        (["--check-hash-based-pycs", "never", "-mshop"], ["--check-hash-based-pycs", "never"], ["-m", "shop"], []),
    ],
)
def test_a_profiled_command_keeps_the_options_of_its_interpreter(tmp_path, words, options, program, args):
    for instrument, module in ((Memray(), "memray"), (Scalene(), "scalene")):
        argv, _ = instrument.wrap([sys.executable, *words], {}, tmp_path, tmp_path)
        assert argv[: len(options) + 4] == [sys.executable, *options, "-m", module, "run"]
        tail = [*program, *(["---"] if module == "scalene" else []), *args]
        assert argv[-len(tail) :] == tail


@pytest.mark.parametrize(
    "words", [["-u", "-c", "print(1)"], ["-uc", "print(1)"], ["-u", "-"], ["-u"], ["-O", "-m"], []]
)
def test_what_is_no_program_is_refused_behind_options_too(tmp_path, words):
    assert code_of(lambda: Memray().wrap([sys.executable, *words], {}, tmp_path, tmp_path)) == "P114"
