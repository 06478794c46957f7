"""`perflab profile`: the profile of a system under load, or of a plain command, with one ranking."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from perflab.cli.chosen_variant import chosen_variant
from perflab.errors import EXIT_BROKEN, EXIT_OK, UsageError
from perflab.experiments.study import Study, command_run, reports_folder
from perflab.instrument.failures import CODES, refuse
from perflab.runs import exclusive, new_run_id
from perflab.system.cores import default_cores, stay_on
from perflab.system.load_file import load_system

if TYPE_CHECKING:
    from perflab.instrument.interface import Capture
    from perflab.instrument.overhead import Overheads
    from perflab.instrument.series import Series


def run_profile(system_path: str, variant: str, seconds: float, as_json: bool, show: bool = False) -> int:
    """Profile a system and print the ranking; its page, captures and flame graphs are kept in the reports folder."""
    from perflab.cli.profile_story import write_story
    from perflab.experiments import profile
    from perflab.experiments.bottlenecks import bottlenecks, stage_sentence
    from perflab.experiments.effort import GROWTH_S

    system, reports = load_system(system_path), reports_folder()
    chosen_variant(system, variant)
    with exclusive(reports), command_run(system, reports) as run:
        cores = default_cores()
        stay_on(cores.others)
        study = Study(run, system, "profile", "quick", 7, cores)
        sizes = replace(study.sizes, profile_window_s=seconds, growth_window_s=study.sizes.growth_window_s or GROWTH_S)
        typer.echo(f"{variant}: unwatched, py-spy, memray, scalene; about {8 * seconds + 62:.0f} s", err=True)
        sampled = profile.sampled_pass(study, sizes, variant)
        passes = [sampled, *profile.launched_passes(study, sizes, variant)]
        found = bottlenecks(study, passes)
        stages = profile.first_look(study, sampled)
        words = stage_sentence(study, stages)
        page = write_story(found, run.path / "profile.html", f"{system.title}, {variant}", stages, words)
    _print(found, [capture for each in passes for capture, _ in each.captures.values()], system.unit, as_json)
    return _tell(page, show)


def _tell(page: Path, show: bool) -> int:
    """Say where the page is, and open it when asked to."""
    typer.echo(f"Page: {page}", err=True)
    if show:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
    return EXIT_OK


def _print(found: Any, captures: list[Capture], unit: str, as_json: bool) -> None:
    costs = cost_rows(found.overheads, captures)
    if as_json:
        body = {"ranking": found.rows(), "memory": found.memory, "growth": found.growth_rows(), "overheads": costs}
        typer.echo(json.dumps({**body, "problems": found.problems}))
        return
    typer.echo(found.sentence())
    typer.echo(found.table().to_string(index=False))
    typer.echo("\nMemory, by memray:\n" + found.memory_table().to_string(index=False))
    typer.echo(found.growth_sentence())
    _print_costs(costs, unit, "the unwatched work just before and just after it")
    for name, problem in found.problems:
        typer.echo(f"{name}: {problem}")


def profile_code(
    command: list[str], callable_: str, kwargs: str, source: str, seconds: float, as_json: bool, show: bool = False
) -> int:
    """Profile a command or a callable, a fresh process for each instrument, an unprofiled run between any two."""
    from perflab.cli.profile_story import write_story
    from perflab.experiments.bottlenecks import of_command
    from perflab.instrument.memray import Memray
    from perflab.instrument.preflight import check_command
    from perflab.instrument.pyspy import PySpy
    from perflab.instrument.scalene import Scalene
    from perflab.instrument.series import Anyone, Subject, callable_subject, profile_series

    if callable_ and command:
        raise UsageError("A command and --callable were given", "give one of them", "perflab profile --help")
    if command:
        refuse(check_command(tuple(command)))
    instruments: tuple[Anyone, ...] = (PySpy("gil"), PySpy("wall"), Memray("launch"), Scalene())
    folder = reports_folder() / "runs" / new_run_id("callable" if callable_ else "command")
    root = Path(source or Path.cwd())
    subject = callable_subject(callable_, folder, kwargs, root) if callable_ else Subject(tuple(command), root, folder)
    with exclusive(reports_folder()):
        folder.mkdir(parents=True, exist_ok=True)
        series = profile_series(subject, instruments, seconds, lambda line: typer.echo(line, err=True))
    _print_series(series, as_json)
    seen, problems = [(capture, table) for table, capture in series.captures], [("", line) for line in series.problems]
    found = of_command(seen, problems, root, series.rendered, series.overheads, series.unit)
    name = (callable_ or " ".join(command))[:80]
    return _tell(write_story(found, folder / "index.html", name), show)


def _print_series(series: Series, as_json: bool) -> None:
    from perflab.experiments.profile_views import kernel_words
    from perflab.instrument.ranking import rank

    ranking = rank(series.tables)
    rows: list[dict[str, Any]] = [
        {"rank": r.rank, "where": f"{r.function} ({r.file}:{r.line})", "cpu": r.cpu_share} for r in ranking.rows
    ]
    costs = cost_rows(series.overheads, [capture for _, capture in series.captures])
    if as_json:
        told = {"ranking": rows, "kernel": ranking.kernel, "overheads": costs, "problems": series.problems}
        typer.echo(json.dumps(told))
        return
    for row in rows:
        typer.echo(f"{row['rank']:3} {100 * row['cpu']:5.1f} %  {row['where']}")
    if words := kernel_words(ranking):
        typer.echo(words.strip())
    if not ranking.first:
        reasons = "; ".join(f"{flag}: {CODES[flag][0]}" for flag in ranking.flags if flag in CODES)
        typer.echo(f"The instruments cannot name one first place ({reasons or 'none may vote'}).")
    _print_costs(costs, series.unit, "the unprofiled runs just before and just after it")
    for problem in series.problems:
        typer.echo(f"perflab: {problem}", err=True)


def cost_rows(overheads: Overheads | None, captures: Iterable[Capture]) -> list[dict[str, Any]]:
    """Return what each instrument cost: CPU per unit over the unprofiled one, its limit, and how long it stopped it."""
    known = {row.instrument: row for row in overheads.rows} if overheads else {}
    rows = []
    for capture in captures:
        row = known.get(capture.name)
        rows.append(
            {
                "instrument": capture.name,
                "ratio": row.ratio if row else None,
                "limit": row.limit if row else None,
                "within": row.within if row else None,
                "stable": row.stable if row else None,
                "drift": row.drift if row else None,
                "pause_ms": 1e3 * max(capture.pauses_s, default=0.0),
                "units": capture.work_units,
            }
        )
    return rows


def _print_costs(costs: list[dict[str, Any]], unit: str, against: str) -> None:
    if not unit or all(row["ratio"] is None for row in costs):
        typer.echo("\nOverhead of the instruments: not known, as no unit of work was counted long enough.")
        return
    typer.echo(f"\nCPU per {unit} under each instrument, over {against}; drift of the two sides")
    known = [row for row in costs if row["ratio"] is not None]
    for row in known:
        limit = f", limit {row['limit']:g}{'' if row['within'] else ' MISSED'}" if row["limit"] else ""
        pause = f", stopped it for {row['pause_ms']:.0f} ms" if row["pause_ms"] else ""
        drift = f", drift {100 * row['drift']:.1f} %{'' if row['stable'] else ' (P304)'}"
        typer.echo(f"  {row['instrument']:14} x {row['ratio']:.2f}{limit}{drift}{pause}")
    if not all(row["stable"] for row in known):
        typer.echo(f"  P304: {CODES['P304'][0]}. {CODES['P304'][1]}.")


def reparse_run(run: str, as_json: bool) -> int:
    """Make a run's tables again from its raw captures and kept sources, and say whether they are the same bytes."""
    from perflab.instrument.kept_tables import reparse

    folder = _captures_folder(run)
    found = list(reparse(folder))
    rows = [{"capture": str(f.path.relative_to(folder)), "state": f.state, "detail": f.detail} for f in found]
    if as_json:
        typer.echo(json.dumps(rows))
    for row in [] if as_json else rows:
        typer.echo(f"{row['state']:15} {row['capture']}  ({row['detail']})")
    return EXIT_OK if all(f.state in ("identical", "no table kept") for f in found) else EXIT_BROKEN


def _captures_folder(run: str) -> Path:
    reports = reports_folder()
    tried = [Path(run), *(reports / part / run for part in ("runs", "profiles", "bench/runs"))]
    found = next((path for path in tried if path.is_dir()), None)
    if found is None:
        raise UsageError(
            f"No run {run!r}", f"a run is a folder, or an id below {reports}", "List runs with: perflab runs"
        )
    return found
