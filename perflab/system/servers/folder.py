"""A server's own temporary folder: locked while its owner lives, removed by it or, were it killed, by the next one."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from perflab.errors import SystemFailure
from perflab.system.servers.identity import Identity

PREFIX = "perflab-server-"
LOCK = "owner.lock"
IPC_RMID = 0


class ServerFolder:
    """A folder of mode 700 that belongs to the server's user; nothing outside it is written or changed.

    A lock is held on a file in it: the kernel lets go of the lock when the owner dies, however it dies, so that
    `sweep` can tell a folder in use from what a killed process left behind.
    """

    def __init__(self, kind: str, identity: Identity) -> None:
        place = Path(tempfile.gettempdir())
        if closed := identity.shut_out_of(place / "x"):
            raise SystemFailure(f"User {identity.name}, as which servers run here, may not enter {closed}",
                                f"data lie below {place}, and no mode outside is changed",
                                "Set TMPDIR to a folder that all may enter, such as /tmp")  # fmt: skip
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-"))
        lock = self.path.with_name(self.path.name + ".lock")  # locked before it can be found in the folder
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        lock.rename(self.path / LOCK)
        identity.owns(self.path)

    def remove(self) -> None:
        """Remove the folder and what its server left in the kernel; safe to call twice."""
        if self._lock >= 0:
            remove_tree(self.path)
            os.close(self._lock)
            self._lock = -1


def sweep(place: Path | None = None) -> list[Path]:
    """Remove folders of servers whose owner died without stopping them, and return them."""
    swept = []
    for path in (place or Path(tempfile.gettempdir())).glob(f"{PREFIX}*/{LOCK}"):
        try:
            lock = os.open(path, os.O_RDWR)
        except OSError:
            continue  # another user's, or just removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # its owner lives
        else:
            remove_tree(path.parent)
            swept.append(path.parent)
        finally:
            os.close(lock)
    return swept


def remove_tree(folder: Path) -> None:
    """Remove a folder; a PostgreSQL that was killed in it also leaves a System V segment, which goes first."""
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        _remove_segment((folder / "data" / "postmaster.pid").read_text().splitlines()[6])
    shutil.rmtree(folder, ignore_errors=True)


def _remove_segment(line: str) -> None:
    """Remove the shared memory of `key id` when that id still belongs to that key."""
    key, segment = (int(word) for word in line.split())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmget(ctypes.c_int(key), ctypes.c_size_t(0), 0) == segment:
        libc.shmctl(segment, IPC_RMID, None)
