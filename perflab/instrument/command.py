"""Profile a plain command: start it under (or beside) one instrument, and never leave it running."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from perflab.instrument import preflight as probe
from perflab.instrument import proc
from perflab.instrument.failures import failure, refuse
from perflab.instrument.interface import Capture, Target
from perflab.instrument.launched import check_artefact
from perflab.instrument.memray import Memray
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable
from perflab.instrument.window import Watch, hold, kill_group, on_cores, wait_gone


def profile_command(
    argv: list[str],
    instrument: PySpy | Scalene | Memray,
    source_root: Path,
    out_dir: Path,
    *,
    window_s: float = 0.0,
    warmup_s: float = 0.5,
    limit_s: float = 600.0,
    cores: tuple[int, ...] = (),
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> tuple[ProfileTable, Capture]:
    """Run [python, -m, package, args] and profile it; return the table and its capture.

    `window_s` 0 = until the command ends by itself (py-spy then needs a window). The command's output goes to
    ``command.log`` in `out_dir`. Raises InstrumentFailure with a code; its process group is gone afterwards.
    """
    target = Target(source_root, argv=tuple(argv), env=env, cwd=cwd, cores=cores, log_path=out_dir / "command.log")
    refuse(probe.check_folder(out_dir) or probe.check_command(target.argv))
    words, environment = list(argv), dict(os.environ if env is None else env)
    if not isinstance(instrument, PySpy) and not _attaches(instrument):
        instrument = (
            replace(instrument, windowed=False) if isinstance(instrument, Scalene) and not window_s else instrument
        )
        refuse(instrument.preflight(target))
        words, environment = instrument.wrap(words, environment, out_dir, source_root)
    with (out_dir / "command.log").open("wb") as log:
        popen = subprocess.Popen(
            words,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=on_cores(_own_cores(cores)),
        )
    try:
        capture = _measure(replace(target, pid=popen.pid), instrument, out_dir, window_s, warmup_s, limit_s)
    finally:
        kill_group(popen)
    return instrument.parse(capture, source_root), capture


def _attaches(instrument: Scalene | Memray) -> bool:
    return isinstance(instrument, Memray) and instrument.mode == "attach"


def _own_cores(instrument_cores: tuple[int, ...]) -> tuple[int, ...]:
    """Keep the command off the instrument's cores; without a wish the first core is the command's."""
    allowed = sorted(os.sched_getaffinity(0))
    rest = tuple(core for core in allowed if core not in instrument_cores)
    return rest if instrument_cores and rest else tuple(allowed[:1]) if len(allowed) > 1 else ()


def _measure(
    target: Target,
    instrument: PySpy | Scalene | Memray,
    out_dir: Path,
    window_s: float,
    warmup_s: float,
    limit_s: float,
) -> Capture:
    _settle(target, warmup_s)
    if window_s or isinstance(instrument, PySpy) or _attaches(instrument):
        return instrument.capture(target, window_s or 5.0, out_dir)
    watch = Watch(target.pid)
    if hold(watch, limit_s) or not wait_gone(target.pid, 1.0):
        raise failure("P207", f"the command still ran after {limit_s:g} s", "Give a window, or a higher limit")
    check_artefact(out_dir / instrument.artefact)
    return instrument.collect(target, out_dir, watch)


def _settle(target: Target, warmup_s: float) -> None:
    deadline = time.monotonic() + warmup_s
    while time.monotonic() < deadline and proc.alive(target.pid):
        time.sleep(0.05)
