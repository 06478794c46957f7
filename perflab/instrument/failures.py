"""Every way in which an instrument can fail, with its cause and what mends it.

P1xx cannot start (found before the measurement), P2xx yielded nothing usable, P3xx gated: measured, but not to be
believed as it stands. The codes are stable: reports, tests and scripts refer to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from perflab.errors import InstrumentFailure

CODES: dict[str, tuple[str, str]] = {
    "P101": (
        "the process may not be traced: CAP_SYS_PTRACE is not effective (CapEff bit 19)",
        "Run as the user of the process or as root; in Docker add --cap-add SYS_PTRACE",
    ),
    "P102": ("there is no such process", "Check that the system is still running and look at its last log lines"),
    "P103": ("another tracer holds the process", "Detach gdb, strace or the other profiler first"),
    "P104": (
        "Yama restricts tracing to child processes (/proc/sys/kernel/yama/ptrace_scope)",
        "Run as root, or: sysctl kernel.yama.ptrace_scope=0",
    ),
    "P105": (
        "the instrument does not know the target's Python version",
        "Update the instrument, or run the system on a Python that it supports",
    ),
    "P106": (
        "attaching memray needs gdb or lldb below Python 3.14",
        "Install it (apt install gdb), or launch under memray",
    ),
    "P107": ("memray cannot be imported by the target's interpreter", "pip install memray in the system's environment"),
    "P108": ("the process is no Python process", "Name the Python process itself, not its launcher or shell"),
    "P109": ("py-spy cannot read the process", "See its message; a seccomp filter or a sandbox may forbid ptrace"),
    "P110": ("the instrument is not installed", "pip install py-spy scalene memray"),
    "P111": ("the output folder cannot be written", "Choose another folder, or free space on the disk"),
    "P112": (
        "the source folder holds no Python file",
        "Set `source` in the system's TOML file to the system's own code",
    ),
    "P113": (
        "the source folder lies below the interpreter's prefix, where scalene skips every file as a library",
        "Move the project out of the prefix, or run it from a virtual environment elsewhere",
    ),
    "P114": ("the command is no Python command", "Use [python, -m, package, ...] or [python, program.py, ...]"),
    "P115": (
        "the process already runs under a profiler",
        "Start a fresh system: never two in-process profilers at once",
    ),
    "P116": ("the command cannot be started", "Correct the command's first word"),
    "P201": ("zero or too few samples", "Put load on the system, or lengthen the window"),
    "P202": (
        "the target ended before the window did",
        "Look at its last log lines; lower the load or lengthen its life",
    ),
    "P203": ("the artefact is missing, stale or empty", "Capture again; the process must end by SIGTERM, not SIGKILL"),
    "P204": ("the capture was not closed cleanly", "Usable up to its last record; let the target end by itself"),
    "P205": ("too many torn or failed samples", "Capture again with blocking samples and less load"),
    "P206": ("the profiler ended with an error", "See its last lines"),
    "P207": ("the profiler did not end in time and was stopped", "Capture again; lower the sampling rate"),
    "P208": ("the artefact cannot be parsed", "Capture again; the file may have been cut off by a full disk"),
    "P209": (
        "the process is a launcher that runs the program in a child",
        "Launch through perflab, which prevents this",
    ),
    "P210": ("the target did not end when asked", "It was killed; make it end on SIGTERM so that its profile is saved"),
    "P301": (
        "the target waited for a core: samples measure the scheduler",
        "Give system and load separate cores, or lower the load",
    ),
    "P302": (
        "scalene charged CPU to def lines, as it does with hot native operators",
        "Believe py-spy here; scalene has no vote",
    ),
    "P303": ("the instruments disagree on the first place", "Both are shown; lengthen the window to decide"),
    "P304": ("CPU per unit drifted between the runs before and after", "Repeat on a quieter machine"),
    "P305": ("most CPU time was spent without the GIL, where --gil does not look", "Use the view without --gil"),
    "P306": (
        "growth does not scale with the window: a cache that fills, or a warm-up",
        "Measure again after the warm-up",
    ),
    "P307": (
        "the overhead of the instrument is above its limit",
        "Lower the sampling rate; do not quote latencies from it",
    ),
    "P308": (
        "small objects: the line is where an arena was made, not who keeps it",
        "Confirm with trace_python_allocators in a short window",
    ),
    "P309": ("fewer than 400 samples: shares are uncertain by 2.5 points or more", "Lengthen the window"),
    "P311": (
        "the sampler may run on the target's core, where it wakes late, when the target sleeps",
        "Pin the target to one core and leave another one free",
    ),
    "P310": ("only one instrument may vote on CPU here", "Read the place as provisional until a second one agrees"),
}


@dataclass(frozen=True)
class Problem:
    """One failed check: a stable code, what was seen, and the line that mends it."""

    code: str
    given: str
    remedy: str = ""

    @property
    def cause(self) -> str:
        """Why this happens, in the words of the table."""
        return CODES[self.code][0]

    @property
    def mend(self) -> str:
        """What to do, the specific remedy before the general one."""
        return self.remedy or CODES[self.code][1]

    def __str__(self) -> str:
        return f"{self.code}: {self.given} ({self.cause}). {self.mend}."

    def failure(self) -> InstrumentFailure:
        """Return the error to raise for it."""
        return InstrumentFailure(self.code, self.given, self.cause, self.mend)


def failure(code: str, given: str, remedy: str = "") -> InstrumentFailure:
    """Return an InstrumentFailure with the cause and remedy of `code`."""
    return Problem(code, given, remedy).failure()


def refuse(problems: list[Problem]) -> None:
    """Raise the first problem, if any: what a capture does with what its preflight found."""
    if problems:
        raise problems[0].failure()
