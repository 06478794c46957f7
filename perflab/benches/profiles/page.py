"""Bar 10: the page of a profile needs no network and stays below 8 MB, of a system under load and of a command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

from perflab.benches.bar import Bar
from perflab.benches.gateway import SYSTEM, bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.program import program
from perflab.report.audit import audit_page
from perflab.report.page_profile import MOST_BYTES

ORDER = 10
SECONDS, LIMIT_S = 5, 400.0  # about 100 s on a quiet machine


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
        page, problems = _page(words, cwd, study.run.folder("profiles").resolve() / name)
        faults = problems + (_faults(page) if page else ["no page was written"])
        size = page.stat().st_size / 1e6 if page else None
        found += [
            Bar(f"10.{name}.size", f"page of a {name}: size", size, "<=", MOST_BYTES / 1e6, "MB"),
            Bar(f"10.{name}.whole", f"page of a {name}: loads from elsewhere and other faults", len(faults), "<=", 0,
                "faults", detail={"faults": faults}),
        ]  # fmt: skip
    return found


def _page(words: list[str], cwd: Path, reports: Path) -> tuple[Path | None, list[str]]:
    """Run `perflab profile` with reports of its own; return the page that it says it wrote, and what was wrong."""
    argv = [sys.executable, "-m", "perflab", "profile", "--json", "--seconds", str(SECONDS), *words]
    environment = {**os.environ, "PERFLAB_REPORTS": str(reports)}
    try:
        done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return None, [f"perflab profile had not ended after {LIMIT_S:g} s"]
    line = next((text for text in done.stderr.splitlines() if text.startswith("Page: ")), "")
    problems = [] if done.returncode == 0 else [f"perflab profile ended with {done.returncode}: {done.stderr[-200:]}"]
    if not problems and not json.loads(done.stdout)["ranking"]:
        problems.append("the ranking has no row")
    return cwd / line.removeprefix("Page: ") if line else None, problems


def _faults(page: Path) -> list[str]:
    """Return the faults of the page, that it shows no flame graph, and what the pages linked from it would fetch."""
    text = page.read_text(encoding="utf-8")
    faults = audit_page(page, most_bytes=MOST_BYTES)
    faults += [] if "<img " in text and "data:image/svg+xml" in text else ["no flame graph in the page"]
    for name in sorted(set(re.findall(r'href="([^"#]+\.html)"', text))):
        linked = page.parent / unquote(name)
        found = audit_page(linked, most_bytes=MOST_BYTES) if linked.is_file() else ["refers to no file"]
        # Other tools' pages carry scripts of their own, and links to follow; what counts is that they load nothing.
        loads = [fault for fault in found if re.match(r"<(?!a>)\w+> refers to|refers to|CSS fetches", fault)]
        if linked.is_file() and "Content-Security-Policy" not in linked.read_text(encoding="utf-8"):
            loads.append("has no policy that forbids loading")
        faults += [f"{name}: {fault}" for fault in loads]
    return faults
