"""How a process ended: its exit code or signal, read from what the kernel keeps of it until it is collected."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from perflab.errors import InstrumentFailure
from perflab.instrument import proc
from perflab.instrument.callable_target import RAISED
from perflab.instrument.failures import failure
from perflab.instrument.interface import Target
from perflab.instrument.window import log_tail

EXIT_CODE = 49  # place of exit_code in /proc/PID/stat behind the name; a wait status, see wait(2)


@dataclass(frozen=True)
class Ending:
    """`code` and `signum` are None where nobody knows: the parent had collected the process already."""

    code: int | None = None
    signum: int | None = None

    def __str__(self) -> str:
        if self.signum is not None:
            return f"by signal {signal.Signals(self.signum).name}"
        return "in a way that only its parent knows" if self.code is None else f"with code {self.code}"


def how_it_ended(pid: int) -> Ending:
    """Return a zombie's exit code or signal; an empty Ending for a living or collected process."""
    seen = proc.stat(pid)
    if seen is None or seen.state not in "ZX":
        return Ending()
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return Ending()
    status = int(text.rpartition(")")[2].split()[EXIT_CODE])
    return Ending(signum=status & 0x7F) if status & 0x7F else Ending(code=status >> 8)


def ended_early(target: Target, lived_s: float, window_s: float) -> InstrumentFailure:
    """Return P211 for a target that was killed, else P202, with how it ended and its last log lines."""
    ending = how_it_ended(target.pid)
    given = f"process {target.pid} ended after {lived_s:.1f} s of {window_s:g} s, {ending}"
    words = log_tail(target.log_path)
    killed, raised = ending.signum == signal.SIGKILL, bool(target.units_path) and ending.code == RAISED
    code = "P211" if killed else "P215" if raised else "P202"
    return failure(code, given, f"Its last lines: {words}" if words else "")
