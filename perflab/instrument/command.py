"""Profile a plain command: start it under (or beside) one instrument, and never leave it running."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from perflab.instrument import preflight as probe
from perflab.instrument.child import settle, started
from perflab.instrument.failures import failure, refuse
from perflab.instrument.interface import Capture, Target
from perflab.instrument.kept_tables import keep_table
from perflab.instrument.launched import check_artefact
from perflab.instrument.memray import Memray
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable
from perflab.instrument.window import Watch, hold, wait_gone


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
    units_path: Path | None = None,
) -> tuple[ProfileTable, Capture]:
    """Run [python, -m, package, args] and profile it; return the table and its capture.

    `window_s` 0 = until the command ends by itself. `units_path`: where the command counts its units of work. Its
    output goes to ``command.log`` in `out_dir`. Raises InstrumentFailure with a code; nothing of it runs afterwards.
    """
    target = Target(
        source_root,
        argv=tuple(argv),
        env=env,
        cwd=cwd,
        cores=cores,
        log_path=out_dir / "command.log",
        units_path=units_path,
        may_end=not window_s,
    )
    if units_path:
        units_path.unlink(missing_ok=True)
    refuse(probe.check_folder(out_dir) or probe.check_command(target.argv))
    words, environment = list(argv), dict(os.environ if env is None else env)
    if not isinstance(instrument, PySpy) and not _attaches(instrument):
        instrument = (
            replace(instrument, windowed=False) if isinstance(instrument, Scalene) and not window_s else instrument
        )
        refuse(instrument.preflight(target))
        words, environment = instrument.wrap(words, environment, out_dir, source_root)
    with started(target, words, environment) as running:
        capture = _measure(running, instrument, out_dir, window_s, warmup_s, limit_s)
    return keep_table(instrument, capture, source_root)


def _attaches(instrument: Scalene | Memray) -> bool:
    return isinstance(instrument, Memray) and instrument.mode == "attach"


def _measure(
    target: Target,
    instrument: PySpy | Scalene | Memray,
    out_dir: Path,
    window_s: float,
    warmup_s: float,
    limit_s: float,
) -> Capture:
    settle(target, warmup_s)
    if window_s or isinstance(instrument, PySpy) or _attaches(instrument):
        return instrument.capture(target, window_s or limit_s, out_dir)
    watch = Watch(target.pid)
    if hold(watch, limit_s) or not wait_gone(target.pid, 1.0):
        raise failure("P207", f"the command still ran after {limit_s:g} s", "Give a window, or a higher limit")
    check_artefact(out_dir / instrument.artefact)
    return instrument.collect(target, out_dir, watch)
