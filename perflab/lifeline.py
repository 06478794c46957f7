"""Processes that left their group are found by a mark: an environment variable that every descendant inherits.

A process group or session reaches only who stayed in it; a daemon, a kernel or a `Popen(start_new_session=True)` leaves
it. An environment is inherited whatever the process does to its group. Weakness: a process that was started with an
emptied environment carries no mark.
"""

from __future__ import annotations

import os
import signal
import time

import psutil


def marked(variable: str, value: str) -> list[psutil.Process]:
    """Return the living processes, other than this one, that were started with this environment variable."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(variable) == value:
                found.append(process)
        except psutil.Error:
            continue  # ended meanwhile, or not ours to read: then it is not below us
    return found


def sweep(variable: str, value: str, grace_s: float = 2.0) -> int:
    """End everything that carries the mark, politely first; return how many processes were found.

    What got a signal is waited for by itself too: a process that is ending has no environment any more, and for some
    milliseconds is there all the same.
    """
    found = marked(variable, value)
    for signum in (signal.SIGTERM, signal.SIGKILL):
        told = marked(variable, value)
        for process in told:
            try:
                process.send_signal(signum)
            except psutil.NoSuchProcess:
                continue
        deadline = time.monotonic() + grace_s
        while time.monotonic() < deadline and (any(map(_lives, told)) or marked(variable, value)):
            time.sleep(0.05)
    return len(found)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
