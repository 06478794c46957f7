"""Every way in which an instrument or a notebook can fail: code, when it is found, its cause, and what mends it.

P1xx cannot start (found before the measurement), P2xx yielded nothing usable, P3xx gated: measured, but not to be
believed as it stands. N1xx a notebook that may not start, N2xx one that did not end well. The codes are stable:
reports, tests and scripts refer to them. This table is the only one; `perflab doctor --codes` prints it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

When = Literal["before", "after", "gate", "notebook"]


class Code(NamedTuple):
    """One row: `when` = before the measurement, after it, as a gate on a table, or in a notebook."""

    code: str
    when: When
    cause: str
    remedy: str


_BEFORE = {
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
    "P111": ("the output folder cannot be written", "Choose another folder"),
    "P112": (
        "the source folder holds no Python file",
        "Set `source` in the system's TOML file to the system's own code",
    ),
    "P113": (
        "the source folder lies below the interpreter's prefix, where scalene skips every file as a library",
        "Move the project out of the prefix, or run it from a virtual environment elsewhere",
    ),
    "P114": (
        "the command runs no Python module or file",
        "Use [python, -m, package, ...] or [python, program.py, ...]",
    ),
    "P115": (
        "the process already runs under a profiler",
        "Start a fresh system: never two in-process profilers at once",
    ),
    "P116": ("the command cannot be started", "Correct the command's first word"),
    "P117": (
        "scalene cannot be imported by the target's interpreter",
        "pip install scalene in the system's environment",
    ),
    "P118": ("there is no space for the capture", "Free space on that disk, or choose another folder"),
    "P119": ("the window is too short for the sampling rate", "Lengthen the window"),
    "P120": ("the process is stopped, so nothing would be seen", "Let it run on: kill -CONT PID"),
    "P121": ("the callable cannot be found", "Name it as package.module:function, importable from this folder"),
    "P122": (
        "a memray window is open on the process; a second one would silently replace it",
        "Wait for the other capture, or: python -m memray detach PID",
    ),
}
_AFTER = {
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
    "P211": (
        "the target was killed (SIGKILL): by the kernel for want of memory, by a supervisor, or by hand",
        "Look for the out-of-memory killer in the kernel's log; raise the limit or lower the load",
    ),
    "P212": (
        "scalene wrote an empty profile, as it does when too little ran in its window",
        "Put load on the system, or lengthen the window",
    ),
    "P213": ("the output folder was removed during the window", "Leave the run's folder alone while it is written"),
    "P214": (
        "memray's file is empty: an aggregated capture is written only at a clean end",
        "End the target by SIGTERM, or capture without aggregation",
    ),
    "P215": ("the profiled code raised an error of its own", "Mend the code first; its last lines say where"),
    "P216": ("too few calls in the window to tell the cost of one", "Lengthen the window"),
}
_GATES = {
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
    "P305": ("much CPU time was spent without the GIL, where --gil does not look", "Use the view without --gil"),
    "P306": (
        "growth does not scale with the window, or all of it is recent: a cache that fills, a warm-up, work in flight",
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
    "P310": ("only one instrument may vote on CPU here", "Read the place as provisional until a second one agrees"),
    "P311": (
        "the sampler may run on the target's core, where it wakes late, when the target sleeps",
        "Pin the target to one core and leave another one free",
    ),
    "P312": (
        "scalene profiled its own helper threads (threading.py); their lines were dropped and shares renormalised",
        "Profile without --profile-all",
    ),
    "P313": (
        "scalene's own table of functions differs from the sum of its lines",
        "Nothing to do: the sum of lines is used",
    ),
    "P314": (
        "attaching stopped the target for longer than its limit",
        "Leave the pause out of latencies, or launch under memray",
    ),
    "P315": ("the first places are too close to be told apart with this many samples", "Lengthen the window"),
    "P316": (
        "CPython recycles tuples: memory made at one line is held by a leak at another",
        "Mend the leak, then look again",
    ),
    "P317": (
        "no view tells whose CPU it was, so that computing may look like waiting",
        "Capture py-spy's GIL or CPU view under the same load",
    ),
    "P318": (
        "many stacks begin at no start of a program or thread, as in greenlets (gevent, SQLAlchemy's asyncio) and in "
        "threads made in C: they were dropped, and what ran there has no share",
        "Run it on plain threads or asyncio for the profile; to capture again does not help",
    ),
    "P319": (
        "the instruments disagree on this place's share by more than their samples explain: they see different things",
        "Its interval spans what each of them says; read its lines in both",
    ),
}
_NOTEBOOK = {
    "N101": ("the notebook declares no such parameter", "Use the name that the message proposes"),
    "N102": ("the parameter's value is of another type or out of range", "Give a value as the parameters cell says"),
    "N201": ("the notebook's kernel was killed", "Look for the out-of-memory killer; the record has each cell's peak"),
    "N202": ("the notebook's time ran out", "Raise the limit, or lower the effort"),
    "N203": ("the notebook ended early, with cells not run", "Remove sys.exit, exit() or quit() from the cell"),
    "N204": ("a cell failed", "See the traceback in the kept notebook"),
}
_TABLES: tuple[tuple[When, dict[str, tuple[str, str]]], ...] = (
    ("before", _BEFORE),
    ("after", _AFTER),
    ("gate", _GATES),
    ("notebook", _NOTEBOOK),
)
REGISTRY: dict[str, Code] = {
    code: Code(code, when, *words) for when, table in _TABLES for code, words in sorted(table.items())
}
"""All codes by name, in the order of the table."""
