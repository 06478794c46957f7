"""Bar 10: the page of a profile needs no network and stays below 8 MB, of a system under load and of a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from perflab.benches.bar import Bar
from perflab.benches.gateway import SYSTEM, bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.program import program
from perflab.report.audit import audit_page
from perflab.report.page_profile import MOST_BYTES

ORDER = 10
SECONDS = 5


def bars(say: Say) -> list[Bar]:
    """Profile both by the command line, as a user does, and check the pages that it names."""
    study = bench_study()
    chosen = program(study)
    system = SYSTEM if SYSTEM.exists() else study.system.path
    cases = {"system": ([str(Path(system).resolve())], Path.cwd()),
             "command": (["--source", str(chosen.root), "--", *chosen.command("mixed")], chosen.home)}  # fmt: skip
    found: list[Bar] = []
    for name, (words, cwd) in cases.items():
        say(f"  perflab profile of a {name} ...")
        page = _page(words, cwd, study.run.folder("profiles").resolve() / name)
        faults = audit_page(page, most_bytes=MOST_BYTES) if page else ["no page was written"]
        size = page.stat().st_size / 1e6 if page else None
        found += [
            Bar(f"10.{name}.size", f"page of a {name}: size", size, "<=", MOST_BYTES / 1e6, "MB"),
            Bar(f"10.{name}.whole", f"page of a {name}: loads from elsewhere and other faults", len(faults), "<=", 0,
                "faults", detail={"faults": faults}),
        ]  # fmt: skip
    return found


def _page(words: list[str], cwd: Path, reports: Path) -> Path | None:
    """Run `perflab profile` with reports of its own, and return the page that it says it wrote."""
    argv = [sys.executable, "-m", "perflab", "profile", "--seconds", str(SECONDS), *words]
    environment = {**os.environ, "PERFLAB_REPORTS": str(reports)}
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=200)
    line = next((text for text in done.stderr.splitlines() if text.startswith("Page: ")), "")
    return Path(line.removeprefix("Page: ")) if line else None
