"""What scalene and memray have in common: they wrap the system's command, and save when the process ends."""

from __future__ import annotations

import os
from pathlib import Path

from perflab.instrument import preflight as probe
from perflab.instrument import proc
from perflab.instrument.ending import ended_early
from perflab.instrument.failures import Problem, failure
from perflab.instrument.interface import Target
from perflab.instrument.window import Watch, hold, stop_and_wait

CLOCK_STEP_S = 0.05  # file systems stamp with the kernel's tick


def split_command(argv: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Split [python, options, -m, pkg, args] into interpreter with options, what to run, its args; raises P114, P116.

    The options stay with the interpreter: under another one (-O, -I, -X) it would not be the command that was measured.
    """
    if problems := probe.check_command(tuple(argv)):
        raise problems[0].failure()
    options, rest = probe.split_options(argv[1:])
    size = 2 if rest[0] == "-m" else 1
    return [argv[0], *options], rest[:size], rest[size:]


def stop_and_check(target: Target, artefact: Path, watch: Watch, window_s: float) -> None:
    """Hold for the window, end the process with SIGTERM, and wait for its file; raises P202, P203 or P210.

    Its children are looked up before, so that none of them is left when the process was only a launcher (P209).
    """
    lived = hold(watch, window_s) if window_s else True
    if not lived:
        raise ended_early(target, watch.window().seconds, window_s)
    children = proc.descendants(target.pid)
    ended = stop_and_wait(target.pid, target.stop_limit_s)
    orphans = [child for child in children if proc.alive(child)]
    for pid in [*orphans, *([] if ended else [target.pid])]:
        _kill(pid)
    if not ended:
        raise failure("P210", f"process {target.pid} still ran {target.stop_limit_s:g} s after SIGTERM")
    check_artefact(artefact, watch.began_wall, bool(orphans))


def check_artefact(artefact: Path, began_wall: float = 0.0, orphans: bool = False) -> None:
    """Raise P209, P213, P214 or P203 when the profiler's file is not there, empty, or older than `began_wall`.

    `began_wall`: seconds since the epoch at the window's beginning; a file last written before is another capture's.
    """
    there = artefact.is_file()
    if there and artefact.stat().st_size > 0 and artefact.stat().st_mtime >= began_wall - CLOCK_STEP_S:
        return
    if orphans:
        raise failure("P209", f"the stopped process was a launcher; {artefact.name} was not written")
    if not artefact.parent.is_dir():
        raise failure("P213", f"{artefact.parent} is gone")
    if there and artefact.stat().st_size == 0 and artefact.suffix == ".bin":
        raise failure("P214", f"{artefact.name} has 0 bytes")
    state = "missing" if not there else "empty" if artefact.stat().st_size == 0 else "of an earlier capture"
    raise failure("P203", f"{artefact.name} is {state} after the end")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return  # it ended by itself meanwhile


def check_wrapped(target: Target, word: str) -> list[Problem]:
    """P102 when the process is gone; P115 or P203 when it does not run under the profiler named `word`."""
    if problems := probe.check_alive(target):
        return problems
    words = proc.cmdline(target.pid)
    if word not in words[:5] and probe.split_options(words[1:])[1][:2] != ["-m", word]:
        return [
            Problem(
                "P203",
                f"process {target.pid} was not started under {word}",
                f"Start it with the command that {word}'s wrap() returns",
            )
        ]
    return []
