"""Each way in which a notebook can end is told as what it was, and nothing runs on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from perflab.errors import UsageError
from perflab.report.notebook.runner import run_notebook

NOTEBOOKS = Path(__file__).parent / "notebooks"
ROOT = Path(__file__).resolve().parents[2]


def kernels() -> set[int]:
    """Process ids of all strict kernels and notebook runners that live now."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if "perflab.report.notebook" in " ".join(process.info["cmdline"] or []):
            found.add(process.pid)
    return found


def left_behind(folder: Path) -> set[Path]:
    """Sockets and connection files that a kernel left in its working directory, and scratch folders of notebooks."""
    return {*folder.glob("*-ipc-*"), *folder.glob("kernel-*"), *Path("/tmp").glob("perflab-nb-*")}


def statuses(out: Path) -> dict[str, str]:
    """What the kept notebook says of each code cell."""
    cells = nbformat.read(out, as_version=4).cells
    return {c.id: c.metadata.papermill.status for c in cells if c.cell_type == "code"}


@pytest.mark.slow
def test_good_notebook_is_done_and_measured(tmp_path: Path) -> None:
    ticks: list[float] = []
    out = tmp_path / "deep" / "good.ipynb"
    outcome = run_notebook(
        NOTEBOOKS / "good.ipynb", {"rounds": 5}, out, timeout_s=90, on_tick=ticks.append, cwd=tmp_path
    )
    assert (outcome.status, outcome.reason, outcome.ok) == ("done", "", True)
    work = next(c for c in outcome.cells if c.id == "work")
    before = next(c for c in outcome.cells if c.id == "parameters")
    assert work.peak_rss_bytes - before.peak_rss_bytes >= 50_000_000
    assert 0 < work.cpu_s <= work.wall_s + 0.2
    assert ticks == sorted(ticks) and len(ticks) >= 1
    shown = nbformat.read(out, as_version=4).cells[-1].outputs[0].text
    assert shown.strip() == "5 2.0 quick False"
    assert set(statuses(out).values()) == {"completed"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "status", "cell", "words"),
    [
        ("raises", "failed", "broken", "ValueError: the sum is 41, not 42"),
        ("sys_exit", "early-exit", "leaves", "ended the notebook early"),
        ("quits", "early-exit", "leaves", "ended the notebook early"),
        ("os_exit", "killed", "leaves", "the kernel died in cell `leaves`"),
        ("kills_itself", "killed", "shoots", "the kernel died in cell `shoots`"),
        ("kills_itself_last", "killed", "shoots", "the kernel died in cell `shoots`"),
        ("shell_false", "failed", "escapes", "ended with code 1"),
        ("shell_captured", "failed", "escapes", "ended with code 2"),
        ("shell_system", "failed", "escapes", "ended with code 4"),
        ("bash_magic", "failed", "escapes", "returned non-zero exit status 3"),
        ("thread_fails", "failed", "starts", "a thread failed during cell `starts`: ZeroDivisionError"),
        ("task_fails", "failed", "after", "a task failed that was started in cell `starts`: ValueError: nobody"),
        ("task_fails_last", "failed", "starts", "a task failed that was started in cell `starts`: ValueError"),
    ],
)
def test_broken_notebooks_are_never_green(tmp_path: Path, name: str, status: str, cell: str, words: str) -> None:
    out, before = tmp_path / f"{name}.ipynb", left_behind(tmp_path)
    outcome = run_notebook(NOTEBOOKS / f"{name}.ipynb", {}, out, timeout_s=90, cwd=tmp_path)
    assert left_behind(tmp_path) <= before
    assert outcome.status == status
    assert words in outcome.reason and "\n" not in outcome.reason
    assert {c.id: c.status for c in outcome.cells}[cell] == status
    assert statuses(out)["before"] == "completed"
    if name not in ("kills_itself_last", "task_fails", "task_fails_last"):
        assert statuses(out)["after"] == "not run"
    assert nbformat.read(out, as_version=4).metadata.perflab_outcome.status == status


@pytest.mark.slow
def test_a_task_whose_error_a_later_cell_fetches_is_no_failure(tmp_path: Path) -> None:
    outcome = run_notebook(NOTEBOOKS / "task_awaited.ipynb", {}, tmp_path / "x.ipynb", timeout_s=90, cwd=tmp_path)
    assert (outcome.status, outcome.reason) == ("done", "")


@pytest.mark.slow
def test_traceback_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "raises.ipynb"
    run_notebook(NOTEBOOKS / "raises.ipynb", {}, out, timeout_s=90)
    errors = [
        o for c in nbformat.read(out, as_version=4).cells for o in c.get("outputs", []) if o.output_type == "error"
    ]
    assert errors[0].ename == "ValueError" and any("the sum is 41" in line for line in errors[0].traceback)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["endless", "deaf"])
def test_time_limit_ends_a_notebook_even_one_deaf_to_interrupts(tmp_path: Path, name: str) -> None:
    before = kernels()
    outcome = run_notebook(NOTEBOOKS / f"{name}.ipynb", {}, tmp_path / "x.ipynb", timeout_s=8, cwd=tmp_path)
    assert outcome.status == "timeout" and "8 s" in outcome.reason
    assert outcome.wall_s < 40
    assert statuses(tmp_path / "x.ipynb") == {"before": "completed", "spins": "timeout", "after": "not run"}
    assert kernels() <= before
    assert not list(tmp_path.glob("kernel-*"))


@pytest.mark.slow
def test_children_of_a_notebook_do_not_outlive_it(tmp_path: Path) -> None:
    out = tmp_path / "x.ipynb"
    assert run_notebook(NOTEBOOKS / "leaves_children.ipynb", {}, out, timeout_s=90, cwd=tmp_path).ok
    child = int(nbformat.read(out, as_version=4).cells[-1].outputs[0].text)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_no_orphan_after_the_caller_ends(tmp_path: Path, signum: int) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from pathlib import Path; "
        "from perflab.report.notebook.runner import run_notebook; "
        "run_notebook(Path(sys.argv[1]), {}, Path(sys.argv[2]), timeout_s=120)"
    )
    before, files = kernels(), left_behind(tmp_path)
    command = [sys.executable, "-c", code, str(NOTEBOOKS / "endless.ipynb"), str(tmp_path / "x.ipynb")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    caller = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 60
    while len(kernels() - before) < 3 and time.monotonic() < deadline:  # caller, runner, kernel
        time.sleep(0.1)
    assert len(kernels() - before) == 3, "the kernel never started"
    time.sleep(1)
    os.kill(caller.pid, signum)
    caller.wait(timeout=30)
    deadline = time.monotonic() + 15
    while kernels() - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kernels() <= before
    while left_behind(tmp_path) - files and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(tmp_path) <= files
    if signum == signal.SIGINT:  # an interrupted notebook is kept, and not called done
        assert nbformat.read(tmp_path / "x.ipynb", as_version=4).metadata.perflab_outcome.status == "killed"


def test_wrong_parameters_are_refused_before_anything_starts(tmp_path: Path) -> None:
    for given in ({"ronuds": 3}, {"rounds": "three"}, {"rounds": 99}):
        with pytest.raises(UsageError):
            run_notebook(NOTEBOOKS / "good.ipynb", given, tmp_path / "x.ipynb", timeout_s=60)
    assert list(tmp_path.iterdir()) == []
