"""Who a server runs as: never root, and without a new user or a changed mode anywhere."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.errors import SystemFailure

NOBODY = "nobody"
UNUSED = shutil.ignore_patterns("include", "*.a", "pginstall?*")  # headers, and further versions in the same wheel


@dataclass(frozen=True)
class Identity:
    """The user of a server; `user_id` None = the user of this process."""

    user_id: int | None = None
    group_id: int | None = None
    name: str = ""

    def owns(self, path: Path) -> None:
        """Give one path to this identity; the path is ours, nothing above it is touched."""
        if self.user_id is not None:
            os.chown(path, self.user_id, self.group_id or self.user_id)

    def shut_out_of(self, path: Path) -> Path | None:
        """Return the first folder above `path` that this identity may not enter by its mode, None when it may all."""
        if self.user_id is None:
            return None
        return next((folder for folder in reversed(path.resolve().parents) if not folder.stat().st_mode & 0o001), None)

    def runs(self, program: Path) -> bool:
        """Say whether this identity can start a program: asked of the kernel, because modes are not all of it."""
        try:
            done = subprocess.run(
                [program, "--version"], capture_output=True, timeout=10, cwd="/", **self.popen_options
            )
        except OSError:
            return False
        return done.returncode == 0

    @property
    def popen_options(self) -> dict[str, Any]:
        """What `subprocess` needs to start as this identity; no supplementary group of root's is kept."""
        if self.user_id is None:
            return {}
        return {"user": self.user_id, "group": self.group_id, "extra_groups": []}


def server_identity() -> Identity:
    """Return who servers run as: this user, or `nobody` where this user is root (PostgreSQL refuses root).

    An existing account is taken because `initdb` looks its user up by number; adding one would change the machine.
    Weakness: other processes of `nobody` could read the data of a trial. Raises SystemFailure without such an account.
    """
    if os.geteuid() != 0:
        return Identity()
    try:
        entry = pwd.getpwnam(NOBODY)
    except KeyError:
        raise SystemFailure(f"Running as root, and this machine has no user {NOBODY}",
                            "servers are not run as root", "Run perflab as another user") from None  # fmt: skip
    return Identity(entry.pw_uid, entry.pw_gid, entry.pw_name)


def runnable(programs: Path, identity: Identity, folder: Path, probe: str, parts: tuple[Path, ...]) -> Path:
    """Return where `identity` can run a server's programs: where they lie, or a copy below its own folder.

    `parts` are the folders to copy side by side, the first one holding `programs`. A virtual environment below a
    private home (mode 700) is the case: root reads it, the server's user does not, and its mode is not ours to change.
    """
    if identity.runs(programs / probe):
        return programs
    for part in parts:
        shutil.copytree(part, folder / "programs" / part.name, symlinks=True, ignore=UNUSED)
    copied = folder / "programs" / parts[0].name / programs.relative_to(parts[0])
    if not identity.runs(copied / probe):
        raise SystemFailure(f"User {identity.name or os.geteuid()} cannot run {programs / probe}",
                            f"nor a copy below {folder}", "Set TMPDIR to a folder that all may enter")  # fmt: skip
    return copied
