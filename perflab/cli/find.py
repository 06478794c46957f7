"""Find runs and notebooks by the names that people type."""

from __future__ import annotations

from pathlib import Path

from perflab.errors import UsageError
from perflab.experiments.study import reports_folder
from perflab.runs import BY_NOTEBOOK, Run, list_runs


def find_run(text: str, reports: Path) -> Run:
    """Return the run of that name (see `named_run`); for an empty text the newest study, finished or not."""
    if text:
        return named_run(text, reports)
    studies = [run for run in list_runs(reports)[0] if is_study(run) or _has_findings(run)]
    if not studies:
        raise UsageError(f"No run of a study below {reports}", "", "Make one with: perflab spike")
    return studies[0]


def is_study(run: Run) -> bool:
    """Whether a run is of notebooks: a load, profile, gate or bench command leaves a run without steps."""
    return bool(run.manifest.steps)


def named_run(text: str, reports: Path) -> Run:
    """Return a run by path, id, unique beginning of an id, `latest`, or `latest~1` (the one before the latest).

    `latest` counts finished runs that hold findings: a load or profile command leaves none. Raises UsageError.
    """
    if (Path(text) / "manifest.json").is_file():
        return Run.open(Path(text))
    known, _ = list_runs(reports)
    if not known:
        raise UsageError(f"No run below {reports}", "", "Make one with: perflab spike")
    word, _, back = text.partition("~")
    if word == "latest" and (back.isdigit() or not back):
        return _latest(known, int(back or 0))
    found = [run for run in known if text and run.id.startswith(text)]
    exact = [run for run in found if run.id == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        names = ", ".join(run.id for run in found[:4])
        raise UsageError(f"{text!r} is the beginning of {len(found)} runs ({names})", "it must name one")
    raise UsageError(f"No run {text!r}", f"the newest is {known[0].id}", "List them with: perflab runs")


def _latest(known: list[Run], back: int) -> Run:
    studies = [run for run in known if not run.manifest.command.startswith(BY_NOTEBOOK)]
    finished = [run for run in studies if run.manifest.status == "done" and _has_findings(run)]
    if back >= len(finished):
        raise UsageError(f"latest~{back} was asked for", f"there are {len(finished)} finished runs with findings",
                         "List them with: perflab runs")  # fmt: skip
    return finished[back]


def _has_findings(run: Run) -> bool:
    return any((run.path / "findings").glob("*.json"))


def notebooks_folder() -> Path:
    """Return the folder of the notebooks, beside `reports/` or beside the package."""
    beside = reports_folder().parent / "notebooks"
    return beside if beside.is_dir() else Path(__file__).resolve().parents[2] / "notebooks"


def find_notebook(name: str) -> Path:
    """Return the notebook of that name or path; raises UsageError naming those there are."""
    folder = notebooks_folder()
    for path in (Path(name), folder / name, folder / f"{name}.ipynb"):
        if path.is_file():
            return path
    known = ", ".join(sorted(p.stem for p in folder.glob("*.ipynb")))
    raise UsageError(f"No notebook {name!r}", f"notebooks are {known}")
