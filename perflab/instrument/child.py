"""A profiled command as our child: in a session of its own, off the instruments' cores, always collected."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from perflab import lifeline
from perflab.instrument import proc
from perflab.instrument.interface import Target
from perflab.instrument.window import kill_group, on_cores

SWEEP_S = 0.5  # what gets a signal to end by itself before it is killed


@contextmanager
def started(target: Target, words: list[str], environment: dict[str, str]) -> Iterator[Target]:
    """Start `words` with its output in the target's log; yield the target with its process id.

    Whatever is left of its process group afterwards is killed, and so is what it started in sessions of their own:
    those carry a mark, one for each start, so that a command that itself profiles commands loses none.
    """
    assert target.log_path is not None
    mark = f"PERFLAB_COMMAND_{secrets.token_hex(8)}"
    with target.log_path.open("wb") as log:
        popen = subprocess.Popen(
            words,
            env={**environment, mark: "1"},
            cwd=target.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=on_cores(own_cores(target.cores)),
        )
    try:
        yield replace(target, pid=popen.pid)
    finally:
        try:
            kill_group(popen)
        finally:
            lifeline.sweep(mark, "1", SWEEP_S)


def own_cores(instrument_cores: tuple[int, ...]) -> tuple[int, ...]:
    """Keep the command off the instrument's cores; without a wish the first core is the command's."""
    allowed = sorted(os.sched_getaffinity(0))
    rest = tuple(core for core in allowed if core not in instrument_cores)
    return rest if instrument_cores and rest else tuple(allowed[:1]) if len(allowed) > 1 else ()


def settle(target: Target, warmup_s: float) -> None:
    """Let the command warm up, or end."""
    deadline = time.monotonic() + warmup_s
    while time.monotonic() < deadline and proc.alive(target.pid):
        time.sleep(0.05)
    wait_for_units(target, 30.0)


def wait_for_units(target: Target, limit_s: float) -> None:
    """Wait until a target that counts its work has begun to: an import may take seconds under a profiler."""
    deadline = time.monotonic() + limit_s
    while target.units_path and proc.alive(target.pid) and time.monotonic() < deadline:
        if target.units_path.is_file() and target.units_path.stat().st_size:
            return
        time.sleep(0.02)
