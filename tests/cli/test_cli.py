"""The command line: light, clear, and one line for each error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from perflab.cli import load, runs
from perflab.cli.app import _joined_parameters, main
from perflab.cli.notebook import name_and_text
from perflab.cli.signals import ended_as_interrupt
from perflab.errors import NotComparable, UsageError
from perflab.system.load_file import load_system

Command = Callable[..., subprocess.CompletedProcess[str]]


def perflab(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "perflab", *args], capture_output=True, text=True, timeout=60)


@pytest.fixture
def said(monkeypatch, capsys) -> Command:
    """Run the command line within this process: a process for each of forty lines takes a second of CPU each."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["perflab", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(args, ended.value.code, out, err)

    return run


def test_help_imports_nothing_heavy():
    code = (
        "import sys; import perflab.cli.app\n"
        "heavy = {'pandas', 'numpy', 'matplotlib', 'scipy', 'locust', 'numba', 'pyarrow', 'papermill', 'nbformat'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("command", ["spike", "notebook", "load", "profile", "report", "runs", "bench", "doctor"])
def test_every_command_has_help(said, command):
    done = said(command, "--help")
    assert done.returncode == 0 and "Usage" in done.stdout


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("spike", "--system", "none.toml"), "no such file"),
        (("spike", "--effort", "huge"), "effort is one of quick, full"),
        (("spike", "--only", "99_nothing"), "Unknown notebook"),
        (("spike", "--resume", "nope"), "No run"),
        (("system", "check", "none.toml"), "no such file"),
        (("notebook", "99_nothing"), "No notebook"),
        (("notebook", "11_baseline_load", "-p", "efort", "quick"), "did you mean"),
        (("notebook", "11_baseline_load", "-p", "rng_seed", "many"), "rng_seed"),
        (("bench", "nothing"), "gateway"),
        (("bench", "gateway", "--only", "nothing"), "hundred"),
        (("bench", "plants", "--only", "nothing"), "clean_scalene"),
        (("report", "nope"), "No run"),
        (("load", "--variant", "best"), "Unknown variant"),
        (("load", "--hdr", "no/such/folder/x.hlog"), "a folder that exists"),
        (("bench", "stats", "--json", "no/such/folder/x.json"), "a folder that exists"),
        (
            ("load", "--remote-workers", "2", "--bind", "10.9.9.9:5557"),
            "endpoint voice of voice_gateway.toml is at 127",
        ),
        (("load", "--hdr", "x.hlog", "--master", "127.0.0.1:1"), "Give --hdr to the master"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(said, args, expected):
    done = said(*args)
    assert done.returncode == 2
    assert expected.lower() in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_no_runs_yet_says_how_to_make_one(said):
    done = said("runs")
    assert done.returncode == 0 and "perflab spike" in done.stdout
    assert json.loads(said("runs", "--json").stdout) == []


def test_a_process_of_its_own_ends_with_the_code_and_the_line(root):
    done = perflab("system", "check", str(root / "data/systems/voice_gateway.toml"))
    assert done.returncode == 0 and "No fault found" in done.stdout
    done = perflab("system", "check", "none.toml")
    assert done.returncode == 2 and done.stdout == ""
    assert "no such file" in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("spike", "--only", "99_nothing"), "Unknown notebook"),
        (("notebook", "11_baseline_load", "-p", "efort", "quick"), "did you mean"),
        (("load", "--variant", "best"), "Unknown variant"),
        (("bench", "gateway", "--only", "nothing"), "hundred"),
    ],
)
def test_a_process_that_imports_much_says_one_line_too(args, expected):
    """What warns while it is imported, or imports only after another one, shows in a process of its own alone."""
    done = perflab(*args)
    assert done.returncode == 2 and done.stdout == ""
    assert expected.lower() in done.stderr.lower() and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_parameters_in_papermills_form():
    assert _joined_parameters(["notebook", "x", "-p", "a", "1", "-p", "b=2"]) == [
        "notebook", "x", "-p", "a=1", "-p", "b=2",
    ]  # fmt: skip


def test_only_the_first_equals_sign_parts_name_and_text():
    assert name_and_text("a=x=y") == ("a", "x=y")


def test_a_parameter_without_value_is_refused():
    with pytest.raises(UsageError, match="is not NAME VALUE"):
        name_and_text("effort")


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (RuntimeError("a fault"), 2, "RuntimeError: a fault"),
        (FileNotFoundError("out/gate.json"), 2, "FileNotFoundError"),
        (KeyboardInterrupt(), 130, "perflab: interrupted"),
        (NotComparable("Unlike"), 3, "perflab: Unlike."),
        (typer.Exit(1), 1, ""),
    ],
)
def test_only_a_verdict_ends_with_one(monkeypatch, capsys, raised, code, said):
    def fail(_as_json):
        raise raised

    monkeypatch.setattr(runs, "show_runs", fail)
    monkeypatch.setattr(sys, "argv", ["perflab", "runs"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code and said in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_missed_target():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as gone:
        done = subprocess.run([sys.executable, "-m", "perflab", "runs"], stdout=gone, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_every_command_tidies_up_when_it_is_ended_from_outside(monkeypatch, capsys, number):
    tidied = []

    def measure(_as_json):
        try:
            signal.raise_signal(number)
        finally:
            tidied.append(True)

    monkeypatch.setattr(runs, "show_runs", measure)
    monkeypatch.setattr(sys, "argv", ["perflab", "runs"])
    started = signal.signal(number, signal.SIG_DFL)  # below nohup a hangup is ignored, and stays so
    try:
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 130 and tidied and signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, started)


def test_a_hangup_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_as_interrupt():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_workers_elsewhere_need_endpoints_that_they_can_reach(root):
    system = load_system(root / "tests/systems/notes/notes.toml")
    lan = system.model_copy(update={"endpoints": {"api": "http://10.0.0.5:{port:http}"}})
    load.check_reachable(lan, load.RemoteWorkers(count=1, bind="10.0.0.5:5557"))
    for bind in ("127.0.0.1:5557", "127.0.0.1", "localhost:5557"):  # workers on this machine
        load.check_reachable(system, load.RemoteWorkers(count=1, bind=bind))
    for url in ("ws://127.0.0.1:{port:http}/voice", "http://localhost:{port:http}", "http://[::1]:{port:http}/x"):
        with pytest.raises(UsageError, match="own loopback"):
            load.check_reachable(lan.model_copy(update={"endpoints": {"api": url}}),
                                 load.RemoteWorkers(count=1, bind="0.0.0.0:5557"))  # fmt: skip


@pytest.mark.parametrize(
    ("finished", "failed", "refused", "code"),
    [(100, 0, False, 0), (100, 99, False, 0), (100, 0, True, 3), (500, 500, False, 2), (0, 0, True, 2)],
)
def test_a_load_of_which_nothing_succeeded_is_broken(finished, failed, refused, code):
    assert load.exit_code(finished, failed, refused) == code
