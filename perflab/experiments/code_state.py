"""Which code a run measures: the commits of the system and of perflab, and a digest of what no commit holds."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perflab.system.spec import System

GIT_S = 20.0
PERFLAB = Path(__file__).resolve().parents[1]
SOURCES = ("*.py", "*.toml", "*.ipynb")  # of files that git does not know only these: logs and outputs change by nature
# What a hook or a caller's git may have set would point at another repository.
FOREIGN_GIT = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


def commit_of(folder: Path) -> str:
    """Return the commit of a folder's repository, with ``-dirty`` when files differ from it; empty without git."""
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=12").decode(errors="replace").strip()


def perflab_commit() -> str:
    """Return perflab's own commit; empty where it is installed, be it into another repository's environment."""
    return commit_of(PERFLAB) if _git(PERFLAB, "ls-files", "runs.py") else ""


def changes_digest(system: System, without: Path) -> str:
    """Return a digest of what a run measures and no commit holds: uncommitted changes, load file and targets.

    Two trees with changes to one commit have one name in git, and may differ. `without`: a folder that a run writes to.
    """
    digest = hashlib.sha256()
    # Where perflab is installed, the repository around it is somebody else's.
    folders = (system.path.parent, *([PERFLAB] if perflab_commit() else []))
    tops = {_git(folder, "rev-parse", "--show-toplevel").decode().strip() for folder in folders}
    for top in sorted(tops - {""}):
        digest.update(_changes(Path(top), without))
    for name in (system.load.file, system.targets):
        file = system.resolve(name)
        digest.update(file.read_bytes() if name and file.is_file() else b"none")
    return digest.hexdigest()[:16]


def _changes(top: Path, without: Path) -> bytes:
    """Return the changes to tracked files of a repository, and its untracked sources whole."""
    left_out = [f":(exclude,top){without.relative_to(top)}"] if without.is_relative_to(top) else []
    changed = _git(top, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--binary", "--", ".", *left_out)
    listed = _git(top, "ls-files", "-z", "--others", "--exclude-standard", "--", *SOURCES, *left_out)
    files = [top / os.fsdecode(name) for name in sorted(listed.split(b"\0")) if name]
    return b"\0".join([changed, *(os.fsencode(f) + b"\0" + _read(f) for f in files if f.is_file())])


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b"unreadable"


def _git(folder: Path, *words: str) -> bytes:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN_GIT}
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, timeout=GIT_S, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""
