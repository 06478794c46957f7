"""A git repository of the notes service: a last good commit, and whatever a test commits on top."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NOTES = Path(__file__).resolve().parents[1] / "systems" / "notes"
BUSY = """
import time as _time


def _burn(seconds: float) -> None:
    end = _time.process_time() + seconds
    while _time.process_time() < end:
        pass

"""


def git(folder: Path, *words: str) -> str:
    """Run git as a person without any settings of their own."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, "-C", folder, *words], check=True, capture_output=True, text=True, env=env)
    return done.stdout.strip()


def make(folder: Path) -> Path:
    """Commit the notes service into a new repository, tag it `good`, and return the path of its TOML file."""
    service = folder / "service"
    service.mkdir(parents=True)
    for file in ("service.py", "locustfile.py", "targets.toml", "notes.toml"):
        shutil.copy(NOTES / file, service / file)
    toml = service / "notes.toml"
    text = toml.read_text(encoding="utf-8").replace('strategies = "../../../data/catalogue/strategies.toml"\n', "")
    toml.write_text(text, encoding="utf-8")
    git(folder, "init", "--quiet")
    commit(folder, "the last good")
    git(folder, "tag", "good")
    return toml


def commit(folder: Path, message: str) -> None:
    """Commit everything."""
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)


def slow_down(toml: Path, seconds: float) -> None:
    """Plant a busy loop of `seconds` of CPU into every read and write of a note, and commit it."""
    service = toml.parent / "service.py"
    text = service.read_text(encoding="utf-8").replace("FIELDS = (", BUSY + "FIELDS = (", 1)
    place = "        if client is not self.pool:"
    planted = text.replace(place, f"        _burn({seconds})\n{place}", 1)
    assert planted.count("_burn(") == 2
    service.write_text(planted, encoding="utf-8")
    commit(toml.parent.parent, "a slower reading")
