"""What scalene and memray have in common: they wrap the system's command, and save when the process ends."""

from __future__ import annotations

import os
from pathlib import Path

from perflab.instrument import preflight as probe
from perflab.instrument import proc
from perflab.instrument.failures import Problem, failure
from perflab.instrument.interface import Target
from perflab.instrument.window import Watch, hold, log_tail, stop_and_wait

STOP_LIMIT_S = 30.0


def split_command(argv: list[str]) -> tuple[str, list[str], list[str]]:
    """Split [python, options, -m, pkg, args] into python, what to run, and its arguments; raises P114 or P116."""
    if problems := probe.check_command(tuple(argv)):
        raise problems[0].failure()
    rest = argv[1:]
    while rest and rest[0].startswith("-") and rest[0] != "-m":
        rest = rest[2:] if rest[0] in ("-X", "-W") else rest[1:]
    size = 2 if rest and rest[0] == "-m" else 1
    if len(rest) < size:
        raise failure("P114", f"{' '.join(argv)[:80]!r} names no program")
    return argv[0], rest[:size], rest[size:]


def stop_and_check(target: Target, artefact: Path, watch: Watch, window_s: float) -> None:
    """Hold for the window, end the process with SIGTERM, and wait for its file; raises P202, P203 or P210.

    Its children are looked up before, so that none of them is left when the process was only a launcher (P209).
    """
    lived = hold(watch, window_s) if window_s else True
    if not lived:
        raise failure(
            "P202",
            f"process {target.pid} ended after {watch.window().seconds:.1f} s of {window_s:g} s",
            f"Its last lines: {log_tail(target.log_path)}" if target.log_path else "",
        )
    children = proc.descendants(target.pid)
    ended = stop_and_wait(target.pid, STOP_LIMIT_S)
    orphans = [child for child in children if proc.alive(child)]
    for pid in [*orphans, *([] if ended else [target.pid])]:
        _kill(pid)
    if not ended:
        raise failure("P210", f"process {target.pid} still ran {STOP_LIMIT_S:g} s after SIGTERM")
    check_artefact(artefact, bool(orphans))


def check_artefact(artefact: Path, orphans: bool = False) -> None:
    """Raise P209 when a launcher's child had to be killed and left no file, else P203 when the file is not there."""
    if artefact.is_file() and artefact.stat().st_size > 2:
        return
    if orphans:
        raise failure("P209", f"the stopped process was a launcher; {artefact.name} was not written")
    raise failure("P203", f"{artefact.name} is {'empty' if artefact.exists() else 'missing'} after the end")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return  # it ended by itself meanwhile


def check_wrapped(target: Target, word: str) -> list[Problem]:
    """P102 when the process is gone; P115 or P203 when it does not run under the profiler named `word`."""
    if problems := probe.check_alive(target):
        return problems
    if word not in proc.cmdline(target.pid)[:5]:
        return [
            Problem(
                "P203",
                f"process {target.pid} was not started under {word}",
                f"Start it with the command that {word}'s wrap() returns",
            )
        ]
    return []
