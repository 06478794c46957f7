"""`perflab bench`: a family of bars, printed and written as JSON."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

import typer

from perflab.benches.bar import Bar
from perflab.benches.parts import check_names, known_in, names_in
from perflab.cli.output import output_file
from perflab.errors import EXIT_OK, EXIT_TARGET_MISSED, UsageError
from perflab.experiments.study import reports_folder
from perflab.runs import exclusive, is_device, write_atomic
from perflab.strict_json import json_text

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
    """Measure a family; exit code 1 when a bar is missed (an open one is not). The file is written after every part."""
    module = _family(name)
    wanted = {word.strip() for word in only.split(",") if word.strip()}
    file = output_file("--json", json_file)
    if wanted:  # a typing error is told before the machine is asked for
        check_names(wanted, known_in(module))

    def keep(bars: list[Bar]) -> None:
        if file and not is_device(file):
            write_atomic(file, _text(bars))

    with exclusive(reports_folder()):
        bars = module.run(wanted, lambda line: typer.echo(line), keep)
    if file:
        write_atomic(file, _text(bars))
    missed = sum(not bar.holds for bar in bars)
    unsure = sum(bar.open for bar in bars)
    told = f", {unsure} of them open: the interval reaches beyond the limit" if unsure else ""
    typer.echo(f"{len(bars) - missed} of {len(bars)} bars hold{told}")
    return EXIT_TARGET_MISSED if missed else EXIT_OK


def list_parts(name: str) -> int:
    """Print the names that `--only` takes, one a line; nothing is measured, and the machine is not asked for."""
    typer.echo("\n".join(names_in(_family(name))))
    return EXIT_OK


def _family(name: str) -> ModuleType:
    if name not in FAMILIES:
        raise UsageError(f"No benchmark {name!r}", f"benchmarks are {', '.join(FAMILIES)}")
    return import_module(FAMILIES[name])


def _text(bars: list[Bar]) -> str:
    return json_text([bar.as_dict() for bar in bars], indent=1)
