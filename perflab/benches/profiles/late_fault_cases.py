"""The faults that show during a capture or after it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from perflab.benches.profiles.fault_cases import Case
from perflab.benches.profiles.fault_yard import Seen, Yard, seen
from perflab.instrument import proc
from perflab.instrument.command import profile_command
from perflab.instrument.gates import cpu_gate
from perflab.instrument.memray import Memray
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.series import callable_subject, profile_series
from perflab.instrument.window import Watch, hold, wait_gone

WINDOW_S = 2.0


def idle(yard: Yard) -> Seen:
    """The target sleeps."""
    target = yard.start("idle")
    return seen(lambda: PySpy().capture(target, WINDOW_S, yard.out), WINDOW_S)


def native(yard: Yard) -> Seen:
    """All CPU goes to native code that has released the GIL; the message must say so."""
    target = yard.start("nogil")
    found = seen(lambda: PySpy().capture(target, WINDOW_S, yard.out), WINDOW_S)
    return found if "without the GIL" in found.text else replace(found, code="none")


def leaves_pyspy(yard: Yard) -> Seen:
    """The target exits with code 3 in the middle of py-spy's window; the message must name code and last line."""
    return _leaves(yard, PySpy())


def leaves_memray(yard: Yard) -> Seen:
    """The target exits with code 3 in the middle of memray's window."""
    return _leaves(yard, Memray())


def _leaves(yard: Yard, instrument: PySpy | Memray) -> Seen:
    target = yard.start("exits") if isinstance(instrument, PySpy) else yard.wrapped(instrument, "exits")
    found = seen(lambda: instrument.capture(target, 20, yard.out), 1.0)
    told = "code 3" in found.text and "the configuration is wrong" in found.text
    return found if told else replace(found, code="none")


def killed_pyspy(yard: Yard) -> Seen:
    """The target gets SIGKILL in the middle of py-spy's window."""
    return _killed(yard, PySpy())


def killed_memray(yard: Yard) -> Seen:
    """The target gets SIGKILL in the middle of memray's window."""
    return _killed(yard, Memray())


def _killed(yard: Yard, instrument: PySpy | Memray) -> Seen:
    target = yard.start("busy") if isinstance(instrument, PySpy) else yard.wrapped(instrument, "keep")
    _later(1.0, lambda: os.kill(target.pid, signal.SIGKILL))
    return seen(lambda: instrument.capture(target, 20, yard.out), 1.0)


def _later(seconds: float, action: Callable[[], object]) -> None:
    threading.Timer(seconds, action).start()


def stale(yard: Yard) -> Seen:
    """The file in the output folder is that of an earlier capture: the target writes elsewhere."""
    elsewhere = yard.folder / "elsewhere"
    elsewhere.mkdir()
    argv, env = Memray().wrap(yard.command("keep"), dict(os.environ), elsewhere, yard.source)
    target = yard.run(argv, env)
    old = yard.out / Memray().artefact
    shutil.copy(elsewhere / Memray().artefact, old)
    os.utime(old, (time.time() - 100, time.time() - 100))
    return seen(lambda: Memray().capture(target, 1, yard.out), 1.0)


def unclean(yard: Yard) -> Seen:
    """The target was killed, but memray's file is readable: usable and flagged."""
    target = yard.wrapped(Memray(), "keep")
    watch = Watch(target.pid)
    hold(watch, 1.0)
    os.kill(target.pid, signal.SIGKILL)
    wait_gone(target.pid, 5)
    began = time.monotonic()
    capture = Memray().collect(target, yard.out, watch)
    return Seen(",".join(capture.codes) or "none", time.monotonic() - began)


def profiler_dies(yard: Yard) -> Seen:
    """py-spy itself is killed."""
    target = yard.start("busy")
    _later(1.0, lambda: _signal_pyspy(target.pid, signal.SIGKILL))
    return seen(lambda: PySpy().capture(target, 6, yard.out), 1.0)


def profiler_hangs(yard: Yard) -> Seen:
    """py-spy itself is stopped in the middle of its window."""
    target = yard.start("busy")
    _later(1.0, lambda: _signal_pyspy(target.pid, signal.SIGSTOP))
    return seen(lambda: PySpy().capture(target, 6, yard.out), 1.0)


def _signal_pyspy(target: int, signum: signal.Signals) -> None:
    for pid in proc.descendants(os.getpid()):
        words = proc.cmdline(pid)
        if words and Path(words[0]).name == "py-spy" and str(target) in words:
            os.kill(pid, signum)


def cut_off(yard: Yard) -> Seen:
    """memray's file was cut off."""
    capture = Memray().capture(yard.wrapped(Memray(), "keep"), 1, yard.out)
    raw = capture.path("bin")
    raw.write_bytes(raw.read_bytes()[:20])
    return seen(lambda: Memray().parse(capture, yard.source))


def launcher(yard: Yard) -> Seen:
    """scalene starts the program in a child of its own, which its launcher leaves behind."""
    scalene = Scalene(memory=True, windowed=False)
    argv, env = scalene.wrap(yard.command("busy"), dict(os.environ), yard.out, yard.source)
    for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "SCALENE_ALLOCATION_SAMPLING_WINDOW"):
        env.pop(name, None)
    target = yard.run(argv, env)
    return seen(lambda: scalene.capture(target, WINDOW_S, yard.out), WINDOW_S)


def deaf(yard: Yard) -> Seen:
    """The target ignores SIGTERM."""
    target = replace(yard.wrapped(Memray(), "deaf"), stop_limit_s=2.0)
    return seen(lambda: Memray().capture(target, 1, yard.out), 1.0 + target.stop_limit_s)


def nothing_ran(yard: Yard) -> Seen:
    """scalene writes {} for a program that ends at once."""
    return seen(lambda: profile_command(yard.command("tiny"), Scalene(), yard.source, yard.out))


def folder_removed(yard: Yard) -> Seen:
    """The output folder disappears during the window."""
    target = yard.start("busy")
    _later(1.0, lambda: shutil.rmtree(yard.out))
    return seen(lambda: PySpy().capture(target, WINDOW_S, yard.out), WINDOW_S)


def aggregate_lost(yard: Yard) -> Seen:
    """An aggregated memray capture whose process was killed has 0 bytes."""
    argv, env = Memray().wrap(yard.command("keep"), dict(os.environ), yard.out, yard.source)
    yard.out.mkdir(exist_ok=True)
    target = yard.run([*argv[:4], "--aggregate", *argv[4:]], env)
    watch = Watch(target.pid)
    os.kill(target.pid, signal.SIGKILL)
    wait_gone(target.pid, 5)
    return seen(lambda: Memray().collect(target, yard.out, watch))


def callable_raises(yard: Yard) -> Seen:
    """The profiled callable raises."""
    subject = callable_subject("json:loads", yard.out)  # without its argument
    return seen(lambda: profile_series(subject, [PySpy()], 3))


def contaminated(yard: Yard) -> Seen:
    """Two hogs share the target's core: py-spy's default view may not vote."""
    target = yard.start("busy")
    hogs = [yard.start("busy"), yard.start("busy")]
    began = time.monotonic()
    table = PySpy("cpu").parse(PySpy("cpu").capture(target, WINDOW_S, yard.out), yard.source)
    late = time.monotonic() - began - WINDOW_S
    assert len(hogs) == 2
    gate = cpu_gate(table, ("pyspy", "cpu"))
    return Seen("P301" if "P301" in gate.codes and gate.verdict == "disqualified" else "none", late, str(gate))


def blind_gil(yard: Yard) -> Seen:
    """With no lower limit of samples, the GIL view of native code is still out of the vote."""
    target, spy = yard.start("nogil"), PySpy(min_samples=0)
    began = time.monotonic()
    gate = cpu_gate(spy.parse(spy.capture(target, WINDOW_S, yard.out), yard.source), ("pyspy", "gil"))
    seconds = time.monotonic() - began - WINDOW_S
    return Seen("P305" if "P305" in gate.codes and gate.verdict == "disqualified" else "none", seconds, str(gate))


def notebook_killed(yard: Yard) -> Seen:
    """The kernel of a notebook is killed."""
    return _notebook(yard, "os.kill(os.getpid(), 9)", 60)


def notebook_late(yard: Yard) -> Seen:
    """A notebook's cell outlasts its time."""
    return _notebook(yard, "time.sleep(60)", 5)


def notebook_leaves(yard: Yard) -> Seen:
    """A cell calls sys.exit(0)."""
    return _notebook(yard, "sys.exit(0)", 60)


def _notebook(yard: Yard, fault: str, timeout_s: float) -> Seen:
    """Run a notebook whose second cell notes the time and then fails; a time limit is known only when it is over."""
    from perflab.report.notebook.runner import run_notebook

    note = yard.folder / "when"
    code = f"import os, sys, time\nopen({str(note)!r}, 'w').write(str(time.monotonic()))\n{fault}"
    empty: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**empty, "id": name, "source": text} for name, text in (("a", "x = 1"), ("b", code), ("c", "x = 2"))]
    path = yard.folder / "fault.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
    began = time.monotonic()
    outcome = run_notebook(path, {}, yard.out / "fault.ipynb", timeout_s=timeout_s, cwd=yard.folder)
    reached = float(note.read_text()) if note.exists() else began
    known = max(reached, began + timeout_s) if outcome.status == "timeout" else reached
    return Seen(outcome.code or "none", max(0.0, time.monotonic() - known), outcome.reason)


CASES = (
    Case("idle target", "P201", idle),
    Case("native code without the GIL", "P201", native, quick=False),
    Case("target exits under py-spy", "P202", leaves_pyspy),
    Case("target exits under memray", "P202", leaves_memray),
    Case("stale file", "P203", stale, quick=False),
    Case("memray not ended cleanly", "P204", unclean, quick=False),
    Case("py-spy killed", "P206", profiler_dies),
    Case("py-spy stopped", "P207", profiler_hangs),
    Case("file cut off", "P208", cut_off, quick=False),
    Case("scalene's launcher", "P209", launcher, quick=False),
    Case("target deaf to SIGTERM", "P210", deaf, quick=False),
    Case("target killed under py-spy", "P211", killed_pyspy),
    Case("target killed under memray", "P211", killed_memray, quick=False),
    Case("scalene saw nothing", "P212", nothing_ran, quick=False),
    Case("output folder removed", "P213", folder_removed, quick=False),
    Case("aggregated file lost", "P214", aggregate_lost),
    Case("callable raises", "P215", callable_raises),
    Case("contaminated by hogs", "P301", contaminated, quick=False),
    Case("GIL view of native code", "P305", blind_gil, quick=False),
    Case("kernel killed", "N201", notebook_killed, quick=False),
    Case("notebook out of time", "N202", notebook_late, quick=False),
    Case("notebook ended early", "N203", notebook_leaves, quick=False),
)
