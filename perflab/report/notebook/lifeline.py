"""Nothing outlives a notebook: children die with their parent, and whatever slipped away is found by its mark.

A kernel starts a session of its own and may start more, so a process group does not reach everything. Every process
below a notebook inherits one environment variable with a random value; the sweep ends whatever still carries it.
"""

from __future__ import annotations

import ctypes
import os

from perflab import lifeline

MARK = "PERFLAB_NOTEBOOK"
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signum: int) -> None:
    """Ask Linux to send `signum` to this process when its parent (a process id) ends, however; elsewhere do nothing."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
    except (OSError, AttributeError):
        return  # no prctl here: the sweep and ipykernel's own watch of its parent remain
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)  # the parent ended before the request was made


def sweep(mark: str, grace_s: float = 2.0) -> int:
    """End everything that carries a notebook's mark, politely first; return how many processes were found."""
    return lifeline.sweep(MARK, mark, grace_s)
