"""Run a notebook strictly: check its parameters, execute it in a process of its own, judge what really happened."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from perflab.report.notebook.lifeline import MARK, sweep
from perflab.report.notebook.light_imports import nbformat
from perflab.report.notebook.outcome import CellRecord, NotebookOutcome, Status, judge, restamp, save_notebook
from perflab.report.notebook.parameters import check_parameters, read_notebook

TICK_S = 0.5
TERMINATED = 128 + signal.SIGTERM
GRACE_S = 5.0  # after its time limit a notebook is interrupted; this much later it is killed
_ROOT = Path(__file__).resolve().parents[3]


def run_notebook(
    path: Path,
    parameters: Mapping[str, object],
    out_path: Path,
    *,
    timeout_s: float,
    on_tick: Callable[[float], None] | None = None,
    cwd: Path | None = None,
) -> NotebookOutcome:
    """Execute the notebook at `path` and keep the executed copy at `out_path`, traceback included.

    `timeout_s` is for the whole notebook. `on_tick` is called about twice a second with the seconds since the start.
    Raises UsageError, before anything is started, for a missing notebook or a wrong parameter. Whatever else happens
    is told in the outcome. Nothing that the notebook started runs on after the return, nor after an interruption.
    """
    values = check_parameters(path, parameters)
    scratch = Path(tempfile.mkdtemp(prefix="perflab-nb-", dir=_short_tmp()))
    try:
        return _run(path.resolve(), values, out_path.resolve(), timeout_s, on_tick, (cwd or Path.cwd()), scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _short_tmp() -> str | None:
    """Return a folder with a short path: the kernel's Unix sockets must fit in 107 characters."""
    return "/tmp" if len(tempfile.gettempdir()) > 40 and os.access("/tmp", os.W_OK) else None


def _run(
    path: Path,
    values: Mapping[str, object],
    out: Path,
    timeout_s: float,
    on_tick: Callable[[float], None] | None,
    cwd: Path,
    scratch: Path,
) -> NotebookOutcome:
    """Start the process, wait for it, end what is left, and judge."""
    order = {
        "parameters": dict(values),
        "timeout_s": timeout_s,
        "cwd": str(cwd),
        "record": str(scratch / "record.json"),
        "parent": os.getpid(),
    }
    (scratch / "order.json").write_text(json.dumps(order), encoding="utf-8")
    mark, partial, began = secrets.token_hex(8), scratch / "executed.ipynb", time.monotonic()
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "perflab.report.notebook.execute",
                str(path),
                str(partial),
                str(scratch / "order.json"),
            ],
            cwd=cwd,
            env=_environment(mark, scratch),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        overdue = False
        try:
            overdue = _wait(process, began, timeout_s + GRACE_S, on_tick)
        finally:
            _end(process, mark)
            limit = timeout_s if overdue else None
            outcome = _conclude(path, partial, out, scratch, time.monotonic() - began, process.returncode, limit)
    return outcome


def _environment(mark: str, scratch: Path) -> dict[str, str]:
    """Return a notebook's environment: marked, finding perflab, untouched by the user's IPython start-up files."""
    path = os.pathsep.join(p for p in (str(_ROOT), os.environ.get("PYTHONPATH", "")) if p)
    return {
        **os.environ,
        MARK: mark,
        "PYTHONPATH": path,
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(scratch),
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _wait(
    process: subprocess.Popen[bytes], began: float, limit_s: float, on_tick: Callable[[float], None] | None
) -> bool:
    """Wait for the process, ticking; return True when the limit passed first."""
    while True:
        try:
            process.wait(timeout=TICK_S)
            return False
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - began
        if elapsed > limit_s:
            return True
        if on_tick is not None:
            on_tick(elapsed)


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End the notebook's process, if it still runs, and everything that it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)  # it ends its kernel first
        try:
            process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    sweep(mark)


def _conclude(
    path: Path, partial: Path, out: Path, scratch: Path, wall_s: float, code: int, overdue_s: float | None
) -> NotebookOutcome:
    """Judge the notebook, stamp the truth into it and keep it."""
    record = _read_record(scratch / "record.json")
    notebook = _executed(path, partial)
    claimed, reason = _status(record["status"]), record["reason"]
    if claimed is None and overdue_s is not None:
        claimed, reason = (
            "timeout",
            f"still running {GRACE_S:g} s after the interrupt at {overdue_s:g} s, its time limit",
        )
    elif claimed is None or (claimed == "done" and code != 0):
        stopped = code < 0 or code == TERMINATED
        claimed, reason = (None if stopped else "failed"), _last_words(scratch / "log", code)
    status, reason = judge(notebook, claimed, reason)
    cells = restamp(notebook, status, reason, {c["id"]: CellRecord(**c) for c in record["cells"]})
    save_notebook(notebook, out)
    return NotebookOutcome(status, reason, round(wall_s, 3), cells)


def _status(word: str | None) -> Status | None:
    """Narrow a word of the record to a status."""
    known: dict[str, Status] = {"done": "done", "failed": "failed", "killed": "killed", "timeout": "timeout"}
    return known.get(word or "")


def _read_record(file: Path) -> dict[str, Any]:
    """Return what the runner process wrote down; empty when it never got there."""
    if not file.is_file():
        return {"status": None, "reason": "", "cells": []}
    body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return body


def _executed(path: Path, partial: Path) -> Any:
    """Return the notebook as far as it got; the input when the process was killed while writing."""
    try:
        return nbformat.read(partial, as_version=4)
    except (OSError, ValueError):
        return read_notebook(path)


def _last_words(log: Path, code: int) -> str:
    """Return one line on why the notebook's process ended."""
    if code == TERMINATED:
        return "the notebook was stopped from outside before its end"
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"the notebook's process ended with {how}" + (f": {lines[-1][:200]}" if lines and code > 0 else "")
