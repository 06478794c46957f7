"""Check rules with promtool where it is found; say how to get it where it is not."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

INSTALL = "apt install prometheus (its package carries promtool), or unpack promtool from prometheus.io onto PATH"
TIMEOUT_S = 120


@dataclass(frozen=True)
class Outcome:
    """What promtool said: passed, failed with its own words, or skipped with the reason and the line that mends it."""

    status: Literal["passed", "failed", "skipped"]
    detail: str
    wall_s: float = 0.0


def find_promtool() -> str | None:
    """Return promtool's path, or None."""
    return shutil.which("promtool")


def check_rules(files: list[Path]) -> Outcome:
    """Run `promtool check rules`: syntax of every expression, and of the files."""
    return _run(("check", "rules"), files)


def check_config(file: Path) -> Outcome:
    """Run `promtool check config` on a Prometheus configuration; the rule files that it names are checked with it."""
    return _run(("check", "config"), [file])


def test_rules(files: list[Path]) -> Outcome:
    """Run `promtool test rules` on unit test files; rule files are found beside each."""
    return _run(("test", "rules"), files)


def _run(verb: tuple[str, str], files: list[Path]) -> Outcome:
    tool = find_promtool()
    if tool is None:
        return Outcome("skipped", f"promtool is not on PATH. Install it with: {INSTALL}")
    began = time.monotonic()
    try:
        done = subprocess.run([tool, *verb, *map(str, files)], capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Outcome("failed", f"promtool {' '.join(verb)} took more than {TIMEOUT_S} s", float(TIMEOUT_S))
    except OSError as error:
        return Outcome("skipped", f"promtool cannot be run ({error.strerror}). Install it with: {INSTALL}")
    words = (done.stdout + done.stderr).strip()
    return Outcome("failed" if done.returncode else "passed", words[-4000:], time.monotonic() - began)
