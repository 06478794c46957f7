"""A system as another commit describes and holds it, in a temporary working tree of its own repository."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perflab.errors import SystemFileError, UsageError
from perflab.system.load_file import load_system
from perflab.system.spec import System
from perflab.system.tables.processes import Process

GIT_S = 120.0
_GIT = ("git", "-c", "core.hooksPath=/dev/null", "-C")  # a hook of the user's must not run for a tree of ours
# What a hook or a caller's git may have set would point at another repository.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


@contextmanager
def at_ref(system: System, ref: str) -> Iterator[tuple[System, str]]:
    """Yield (the system of `ref`, the commit) from a detached working tree that is removed on the way out.

    The system's file is taken from there, so are the sources: the tree (and its `src/`) come first on PYTHONPATH, and
    `{system_dir}` and `cwd` lie in it. The user's own working tree, index and branches are not touched.
    Raises UsageError for an unknown ref or a file outside any repository, SystemFileError when `ref` lacks the file.
    """
    top = repository_of(system)
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if not commit:
        raise UsageError(f"{ref!r} is no commit of {top}", "a branch, tag or commit is needed",
                         "In CI fetch the whole history first: a shallow clone lacks it")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="perflab-baseline-") as folder:
        tree = Path(folder) / "tree"
        _git(top, "worktree", "add", "--detach", "--quiet", str(tree), commit, must=True)
        try:
            file = tree / system.path.relative_to(top)
            if not file.is_file():
                raise SystemFileError(f"Commit {commit[:12]} has no {file.relative_to(tree)}",
                                      "the last good must hold the system's file", "Take a later one")  # fmt: skip
            yield with_sources(load_system(file), tree), commit
        finally:
            _git(top, "worktree", "remove", "--force", str(tree))
            _git(top, "worktree", "prune")


def repository_of(system: System) -> Path:
    """Return the top folder of the repository that holds the system's file; raises UsageError when none does."""
    try:
        return Path(_git(system.path.parent, "rev-parse", "--show-toplevel", must=True)).resolve()
    except UsageError as error:
        given = f"{system.path} lies in no git repository that can be used ({error.given})"
        step = "Give --baseline variant:NAME or a second system file"
        raise UsageError(given, "a git ref needs one", step) from None


def with_sources(system: System, tree: Path) -> System:
    """Return the system whose own processes find the modules of `tree` before any that are installed."""
    return system.model_copy(update={"process": tuple(_from_tree(p, tree) for p in system.process)})


def with_world_of(system: System, other: System) -> System:
    """Return `system` driven by the load of `other` and, where names agree, amid the stand-ins of `other`.

    Two arms must differ in the system alone: the same users, the same work, the same world around it.
    """
    theirs = {p.name: p for p in other.process if p.role == "standin"}
    process = tuple(_fixed(theirs[p.name], other) if p.role == "standin" and p.name in theirs else p
                    for p in system.process)  # fmt: skip
    servers = {s.name: s for s in other.server if s.role == "standin"}
    server = tuple(servers.get(s.name, s) if s.role == "standin" else s for s in system.server)
    load = other.load.model_copy(update={"file": str(other.resolve(other.load.file))})
    return system.model_copy(update={"process": process, "server": server, "load": load})


def _from_tree(process: Process, tree: Path) -> Process:
    if process.role != "system":
        return process
    inherited = process.env.get("PYTHONPATH") or os.environ.get("PYTHONPATH", "")
    roots = [str(tree), *([str(tree / "src")] if (tree / "src").is_dir() else []), *([inherited] if inherited else [])]
    return process.model_copy(update={"env": {**process.env, "PYTHONPATH": os.pathsep.join(roots)}})


def _fixed(process: Process, owner: System) -> Process:
    """Return a process whose texts point to its own system's folder whatever system it is started with."""
    here = str(owner.path.parent)
    return process.model_copy(
        update={
            "command": tuple(part.replace("{system_dir}", here) for part in process.command),
            "env": {name: value.replace("{system_dir}", here) for name, value in process.env.items()},
            "cwd": str(owner.resolve(process.cwd)) if process.cwd else "",
        }
    )


def _git(folder: Path, *words: str, must: bool = False) -> str:
    """Run git and return its output, "" when it fails; with `must` a failure is a UsageError."""
    env = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    try:
        done = subprocess.run([*_GIT, str(folder), *words], capture_output=True, text=True, timeout=GIT_S, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(
            f"git {words[0]} did not run ({error})", "git is needed for a baseline that is a ref"
        ) from None
    if done.returncode and must:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UsageError(f"git {' '.join(words[:2])} failed: {last}")
    return "" if done.returncode else done.stdout.strip()
