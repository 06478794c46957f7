"""`perflab notebook`: one notebook by the strict runner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from perflab.cli.find import find_notebook
from perflab.errors import EXIT_BROKEN, EXIT_OK, UsageError
from perflab.experiments.study import Asked, create_run, reports_folder, system_path
from perflab.runs import Run, Step, concluded, exclusive, new_run_id
from perflab.system.load_file import load_system
from perflab.units import seconds_text

if TYPE_CHECKING:
    from perflab.report.notebook.outcome import NotebookOutcome
    from perflab.report.notebook.parameters import Value


def name_and_text(pair: str) -> tuple[str, str]:
    """Return name and text of NAME=VALUE; raises UsageError. The notebook's own declaration says what type it is."""
    name, equals, text = pair.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"Parameter {pair!r} is not NAME VALUE", "", "Example: -p effort quick")
    return name, text


def run_one(name: str, parameters: list[str]) -> int:
    """Run a notebook with parameters and say how it ended."""
    from perflab.report.notebook.parameters import parse_text
    from perflab.report.notebook.runner import run_notebook
    from perflab.report.page_notebook import build_notebook_page

    path = find_notebook(name)
    values = parse_text(path, dict(name_and_text(pair) for pair in parameters))
    reports = reports_folder()
    _check_given(path, values)
    with exclusive(reports):
        run = _own_run(path, values, reports)
        values |= {"run_dir": str(run.path)} if run else {}
        out = _output(path, values, reports)
        out.parent.mkdir(parents=True, exist_ok=True)
        with _concluded(run, path.stem, values) as outcomes:
            outcome = run_notebook(path, values, out, timeout_s=24 * 3600.0)
            outcomes.append(outcome)
    build_notebook_page(out, out.with_suffix(".html"))
    typer.echo(f"{path.stem}: {outcome.status} in {seconds_text(outcome.wall_s)}: {out.with_suffix('.html')}")
    if outcome.reason:
        typer.echo(f"perflab: {outcome.reason}", err=True)
    return EXIT_OK if outcome.ok else EXIT_BROKEN


def _check_given(path: Path, values: Mapping[str, Value]) -> None:
    """Raise UsageError for a system or a run that cannot be read, before the machine is asked for."""
    given = _given(path, values)
    if {"system", "run_dir"} <= given.keys():  # by the contract: a notebook of one's own may call anything a system
        load_system(system_path(str(given["system"])))
    if "run_dir" in given:
        _output(path, values, reports_folder())


def _own_run(path: Path, values: Mapping[str, Value], reports: Path) -> Run | None:
    """Start the run of a notebook that is given none and reads none, so that its step is known to later notebooks."""
    from perflab.report.notebook.contract import needs_of

    given = _given(path, values)
    if given.get("run_dir") or "run_dir" not in given or needs_of(path):
        return None
    file = system_path(str(given["system"]))
    run = create_run(load_system(file), str(file.resolve()), str(given["effort"]), int(given["rng_seed"]), reports)
    run.note("time_scale", float(given.get("time_scale", 1.0)))
    return run


@contextmanager
def _concluded(run: Run | None, name: str, values: Mapping[str, Value]) -> Iterator[list[NotebookOutcome]]:
    """Record in the notebook's own run, where it has one, how its only step ended."""
    outcomes: list[NotebookOutcome] = []
    if run is None:
        yield outcomes
        return
    run.set_step(Step(name=name, status="running", parameters=dict(values)))
    with concluded(run):
        try:
            yield outcomes
        finally:
            run.set_step(_step(name, outcomes, values))
    if not outcomes[0].ok:
        run.update(status="broken")


def _step(name: str, outcomes: list[NotebookOutcome], values: Mapping[str, Value]) -> Step:
    if not outcomes:
        return Step(name=name, status="interrupted", parameters=dict(values))
    (outcome,) = outcomes
    return Step(name=name, status="done" if outcome.ok else "failed", wall_s=outcome.wall_s, reason=outcome.reason,
                parameters=dict(values), cells=tuple(asdict(cell) for cell in outcome.cells))  # fmt: skip


def _given(path: Path, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the parameters with every default: an effort that was not typed is still an effort."""
    from perflab.report.notebook.parameters import declared_parameters

    return {name: each.default for name, each in declared_parameters(path).items()} | dict(values)


def _output(path: Path, values: Mapping[str, Value], reports: Path) -> Path:
    """Return where the executed notebook goes; refuses a run of other settings, whose own copy it would replace."""
    run_dir = str(values.get("run_dir", ""))
    if run_dir:
        given = _given(path, values)
        digest = load_system(system_path(str(given["system"]))).digest
        asked = Asked(str(given["effort"]), int(given["rng_seed"]), float(given.get("time_scale", 1.0)), digest)
        return asked.opened(Path(run_dir)).path / "notebooks" / path.name
    return reports / "notebooks" / f"{new_run_id(path.stem)}.ipynb"
