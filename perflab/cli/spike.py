"""`perflab spike`: run the notebooks of a study in order, rebuild the page as findings come, end with the verdict."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from perflab.cli.display import Display
from perflab.cli.find import notebooks_folder
from perflab.cli.page_watcher import PageWatcher
from perflab.cli.resume import check_unchanged, resumed
from perflab.errors import EXIT_BROKEN, PerflabError, UsageError
from perflab.experiments.effort import EFFORT, estimate_s
from perflab.experiments.study import create_run, reports_folder
from perflab.runs import Manifest, Run, RunStatus, Step, StepStatus, exclusive
from perflab.system.load_file import load_system
from perflab.system.study_faults import require_study
from perflab.units import seconds_text

if TYPE_CHECKING:
    from perflab.system.spec import System

NOTEBOOKS = (
    "00_machine",
    "01_how_numbers_lie",
    "10_baseline_profile",
    "11_baseline_load",
    "20_audio_kernels",
    "21_codecs",
    "22_caching",
    "23_api_streaming",
    "24_state_database",
    "30_prototype",
    "40_scalability",
    "41_monitoring",
    "90_verdict",
)
ONLY_FULL = ("01_how_numbers_lie",)  # teaches, decides nothing: at quick only when it is named
LABORATORIES = NOTEBOOKS[4:9]  # need no running system: at full those that the system's file lists, or when named
JUDGING = {"11_baseline_load", "30_prototype", "40_scalability"}  # hold levels or variants against a target
TIMEOUT_FACTOR = 4.0  # a notebook may take this many times its budget before it is stopped
EXIT_INTERRUPTED = 130


def run_spike(
    system_path: str,
    effort: str,
    seed: int,
    resume: str,
    only: str,
    plant: str,
    time_scale: float = 1.0,
    typed: frozenset[str] = frozenset(),
) -> int:
    """Run or resume a study and return perflab's exit code; `typed`: the options that the user gave."""
    reports = reports_folder()
    asked = {"system": system_path, "effort": effort, "seed": seed, "plant": plant, "time_scale": time_scale}
    # Whatever was typed is checked first: nobody waits for the machine only to learn of a typing error.
    if resume:
        run, system = resumed(resume, reports, {name: asked[name] for name in typed & set(asked)})
        effort, seed = run.manifest.effort, run.manifest.rng_seed
        names = _chosen(only, effort, system, tuple(step.name for step in run.manifest.steps))
        check_plant(run.manifest.planted, system, names)
    else:
        system = load_system(system_path)
        if effort not in EFFORT:
            raise UsageError(f"Unknown effort {effort!r}", f"effort is one of {', '.join(EFFORT)}")
        names = _chosen(only, effort, system)
        check_plant(plant, system, names)
        if JUDGING & set(names):
            require_study(system)
    with exclusive(reports):
        if resume:
            run.reload()
            check_unchanged(run, system)
            if any((run.step(name) or Step(name=name)).status != "done" for name in names):
                run.update(status="running", finished="")
        else:
            run = create_run(system, str(Path(system_path).resolve()), effort, seed, reports, plant)
            run.note("time_scale", time_scale)
        if only:
            run.note("only", only)
        return _study(run, system, effort, seed, names, reports)


def check_plant(plant: str, system: System, names: tuple[str, ...]) -> None:
    """Raise UsageError for planted defects that the system would not hear of: the page would say that it had them."""
    if not plant:
        return
    if not any(process.plant_env for process in system.process):
        raise UsageError(f"--plant {plant}", f"no process of {system.path.name} names a plant_env that would take it")
    if laboratories := sorted(set(names) & set(LABORATORIES)):
        raise UsageError(
            f"--plant {plant} with {', '.join(laboratories)}",
            "laboratories measure without planted defects",
            "Name other notebooks with --only",
        )


def _chosen(only: str, effort: str, system: System, began_with: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the notebooks to run: those named, else those that a resumed run began with, else those of the effort."""
    names = tuple(name.strip() for name in only.split(",") if name.strip()) or began_with
    for name in (*names, *system.laboratories):
        if name not in NOTEBOOKS:
            raise UsageError(f"Unknown notebook {name!r}", f"notebooks are {', '.join(NOTEBOOKS)}")
    left_out = set(LABORATORIES) - set(system.laboratories) if effort == "full" else {*ONLY_FULL, *LABORATORIES}
    return names or tuple(name for name in NOTEBOOKS if name not in left_out)


def _study(run: Run, system: System, effort: str, seed: int, names: tuple[str, ...], reports: Path) -> int:
    expected = estimate_s(system, effort, float(run.manifest.notes.get("time_scale", 1.0)))
    typer.echo(
        f"Studying {system.title}: {effort}, about {seconds_text(sum(expected[n] for n in names))}, run {run.id}"
    )
    page = run.path / "index.html"
    typer.echo(f"The page fills as findings come: {page}")
    for name in names:
        if run.step(name) is None:
            run.set_step(Step(name=name, budget_s=expected[name]))
    began = time.monotonic()
    try:
        with Display(run, {n: expected[n] for n in names}) as display:
            for name in names:
                _one(run, name, expected[name], system, effort, seed, display, reports)
    except KeyboardInterrupt:
        _stopped(run, reports, time.monotonic() - began, "stopped by hand")
        return EXIT_INTERRUPTED
    except Exception as error:
        _stopped(run, reports, time.monotonic() - began, f"perflab failed ({type(error).__name__}: {error})")
        raise
    return _finish(run, reports, time.monotonic() - began)


def _one(
    run: Run, name: str, budget_s: float, system: System, effort: str, seed: int, display: Display, reports: Path
) -> None:
    """Run one notebook unless it is done or what it needs has failed; the page is rebuilt whenever findings change."""
    from perflab.report.notebook.contract import needs_of
    from perflab.report.notebook.runner import run_notebook

    run.reload()
    step = run.step(name)
    if step and step.status == "done":
        return
    path = notebooks_folder() / f"{name}.ipynb"
    missing = [n for n in needs_of(path) if (run.step(n) or Step(name=n)).status != "done"]
    if missing:
        run.set_step(Step(name=name, status="skipped", budget_s=budget_s, reason=f"needs {', '.join(missing)}"))
        display.say(f"{name}: skipped, it needs {', '.join(missing)}")
        return
    parameters: dict[str, int | float | str | bool] = {
        "system": str(system.path),
        "effort": effort,
        "domain": system.domain,
        "rng_seed": seed,
        "run_dir": str(run.path),
        "time_scale": float(run.manifest.notes.get("time_scale", 1.0)),
    }
    run.set_step(Step(name=name, status="running", budget_s=budget_s, parameters=parameters))
    watcher = PageWatcher(run, reports)
    display.begin(name)

    def tick(elapsed: float) -> None:
        display.update(elapsed)
        watcher.look()

    out = run.folder("notebooks") / f"{name}.ipynb"
    outcome = run_notebook(path, parameters, out, timeout_s=max(120.0, TIMEOUT_FACTOR * budget_s), on_tick=tick)
    status: StepStatus = "done" if outcome.ok else "failed"
    run.set_step(
        Step(
            name=name,
            status=status,
            budget_s=budget_s,
            wall_s=outcome.wall_s,
            reason=outcome.reason,
            parameters=parameters,
            cells=tuple(asdict(cell) for cell in outcome.cells),
        )
    )
    display.end(name, status, outcome.wall_s, outcome.reason)
    watcher.rebuild(notebook=out)


def _stopped(run: Run, reports: Path, wall_s: float, why: str) -> None:
    """Leave a run that can be read and gone on with."""
    run.reload()
    for step in run.manifest.steps:
        if step.status == "running":
            run.set_step(step.model_copy(update={"status": "interrupted", "reason": why}))
    run.update(status="interrupted")
    run.note("wall_s", spent_s(run.manifest, wall_s))
    PageWatcher(run, reports).rebuild()
    typer.echo(f"\nStopped. What was measured is kept: {run.path / 'index.html'}", err=True)
    typer.echo(f"Go on with: perflab spike --resume {run.id}", err=True)


def spent_s(manifest: Manifest, wall_s: float) -> float:
    """Return the seconds that a run has taken over all its sessions, with `wall_s` of the present one.

    A session that was killed noted nothing: then at least the steps that ended count.
    """
    earlier = float(manifest.notes.get("wall_s", 0.0))
    return round(max(earlier + wall_s, sum(step.wall_s for step in manifest.steps)), 1)


def _finish(run: Run, reports: Path, wall_s: float) -> int:
    from datetime import UTC, datetime

    from perflab.findings.finding import load_findings
    from perflab.report.deliverables import build_deliverables
    from perflab.report.verdict import overall

    run.reload()
    unfinished = [step for step in run.manifest.steps if step.status != "done"]
    status = _ended(run.manifest)
    ended = run.manifest.finished or datetime.now(UTC).isoformat(timespec="seconds")
    run.update(status=status, finished="" if status == "interrupted" else ended)
    run.note("wall_s", spent_s(run.manifest, wall_s))
    build_deliverables(run)
    if not unfinished:
        _remember(run, reports)
    built = PageWatcher(run, reports).rebuild()
    verdict = overall(load_findings(run.folder("findings")), run.manifest)
    typer.echo(f"\n{verdict.sentence}")
    for step in unfinished:
        typer.echo(f"{step.name} {step.status}: {step.reason or 'it was not run'}", err=True)
    if run.manifest.status == "interrupted":
        typer.echo(f"Go on with: perflab spike --resume {run.id}", err=True)
    typer.echo(f"Took {seconds_text(run.manifest.notes['wall_s'])}. Report: {run.path / 'index.html'}")
    return EXIT_BROKEN if unfinished or not built else verdict.exit_code


def _ended(manifest: Manifest) -> RunStatus:
    """Return how a run stands: done only when every step that it ever began is, also one that nobody asked for now."""
    states = {step.status for step in manifest.steps}
    if states & {"failed", "skipped"}:
        return "broken"
    return "done" if states <= {"done"} else "interrupted"


def _remember(run: Run, reports: Path) -> None:
    """Append the run to the history; a history that cannot be written costs no run."""
    from perflab.history.store import HistoryStore
    from perflab.report.history_page import build_history_page

    try:
        HistoryStore(reports).add(run, again=True)  # a resumed run may have more figures than when it was added
        build_history_page(reports)
    except (PerflabError, OSError) as error:
        typer.echo(f"perflab: the run is not in the history: {error}", err=True)
