"""`perflab bench`: a family of bars, printed and written as JSON."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import typer

from perflab.errors import EXIT_OK, EXIT_TARGET_MISSED, UsageError
from perflab.experiments.study import reports_folder
from perflab.runs import exclusive, write_atomic

FAMILIES = {
    "gateway": "perflab.benches.gateway",
    "plants": "perflab.benches.plants",
    "stats": "perflab.benches.stats",
    "profiles": "perflab.benches.profiles",
    "audio": "perflab.benches.audio",
    "cache": "perflab.benches.cache",
    "state": "perflab.benches.state",
}


def run_bench(name: str, json_file: str, only: str) -> int:
    """Measure a family; exit code 1 when a bar is missed."""
    if name not in FAMILIES:
        raise UsageError(f"No benchmark {name!r}", f"benchmarks are {', '.join(FAMILIES)}")
    wanted = {word.strip() for word in only.split(",") if word.strip()}
    with exclusive(reports_folder()):
        bars = import_module(FAMILIES[name]).run(wanted, lambda line: typer.echo(line))
    if json_file:
        write_atomic(Path(json_file), json.dumps([bar.as_dict() for bar in bars], indent=1))
    missed = sum(not bar.holds for bar in bars)
    typer.echo(f"{len(bars) - missed} of {len(bars)} bars hold")
    return EXIT_TARGET_MISSED if missed else EXIT_OK
