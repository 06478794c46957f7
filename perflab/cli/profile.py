"""`perflab profile`: the profile of a system under load, or of a plain command, with one ranking."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from perflab.errors import EXIT_OK, InstrumentFailure
from perflab.experiments.study import Study, create_run, reports_folder
from perflab.runs import exclusive, new_run_id
from perflab.system.cores import default_cores, stay_on
from perflab.system.load_file import load_system


def run_profile(command: list[str], system_path: str, variant: str, seconds: float, as_json: bool) -> int:
    """Profile and print the ranking; captures and flame graphs are kept in the reports folder."""
    if command:
        return _profile_command(command, seconds, as_json)
    from perflab.experiments import profile
    from perflab.experiments.bottlenecks import bottlenecks

    system, reports = load_system(system_path), reports_folder()
    with exclusive(reports):
        run = create_run(system, str(system.path), "quick", 7, reports)
        cores = default_cores()
        stay_on(cores.others)
        study = Study(run, system, "profile", "quick", 7, cores)
        sizes = replace(study.sizes, profile_window_s=seconds)
        typer.echo(f"{variant}: unwatched, py-spy, memray, scalene; about {8 * seconds + 40:.0f} s", err=True)
        sampled = profile.sampled_pass(study, sizes, variant)
        passes = [sampled, *profile.launched_passes(study, sizes, variant)]
        found = bottlenecks(study, passes)
        run.update(status="done")
    _print(found, as_json)
    for path in (path for each in passes for path in each.rendered):
        typer.echo(f"  {path}", err=True)
    return EXIT_OK


def _print(found: Any, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"ranking": found.rows(), "memory": found.memory, "problems": found.problems}))
        return
    typer.echo(found.sentence())
    typer.echo(found.table().to_string(index=False))
    typer.echo("\nMemory, by memray:\n" + found.memory_table().to_string(index=False))
    for name, problem in found.problems:
        typer.echo(f"{name}: {problem}")


def _profile_command(command: list[str], seconds: float, as_json: bool) -> int:
    """Profile a plain command, one fresh process for each instrument."""
    from perflab.instrument.command import profile_command
    from perflab.instrument.memray import Memray
    from perflab.instrument.pyspy import PySpy
    from perflab.instrument.ranking import rank
    from perflab.instrument.scalene import Scalene
    from perflab.instrument.table import ProfileTable

    instruments: tuple[PySpy | Memray | Scalene, ...] = (PySpy("gil"), Memray("launch"), Scalene())
    folder = reports_folder() / "profiles" / new_run_id("command")
    folder.mkdir(parents=True, exist_ok=True)
    tables: list[ProfileTable] = []
    problems: list[str] = []
    with exclusive(reports_folder()):
        for instrument in instruments:
            typer.echo(f"{instrument.name} {instrument.view} ...", err=True)
            try:
                table, capture = profile_command(command, instrument, Path.cwd(), folder, window_s=seconds)
                tables.append(table)
                instrument.render(capture, folder)
            except InstrumentFailure as error:
                problems.append(str(error))
    if not tables:
        raise InstrumentFailure("P201", f"no instrument could profile {' '.join(command)!r}", "", "; ".join(problems))
    ranking = rank(tables)
    rows: list[dict[str, Any]] = [
        {"rank": r.rank, "where": f"{r.function} ({r.file}:{r.line})", "cpu": r.cpu_share} for r in ranking.rows
    ]
    if as_json:
        typer.echo(json.dumps({"ranking": rows, "problems": problems}))
    for row in rows if not as_json else []:
        typer.echo(f"{row['rank']:3} {100 * row['cpu']:5.1f} %  {row['where']}")
    for problem in problems:
        typer.echo(f"perflab: {problem}", err=True)
    typer.echo(f"Captures and flame graphs: {folder}", err=True)
    return EXIT_OK
