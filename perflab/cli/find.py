"""Find runs and notebooks by the names that people type."""

from __future__ import annotations

from pathlib import Path

from perflab.errors import UsageError
from perflab.experiments.study import reports_folder
from perflab.runs import Run, list_runs


def find_run(text: str, reports: Path) -> Run:
    """Return the run of that id, unique beginning of an id, or folder; the newest one for an empty text."""
    if text and (Path(text) / "manifest.json").is_file():
        return Run.open(Path(text))
    known, _ = list_runs(reports)
    if not known:
        raise UsageError(f"No run below {reports}", "", "Make one with: perflab spike")
    found = [run for run in known if run.id.startswith(text)]
    if not found:
        raise UsageError(f"No run {text!r}", f"the newest is {known[0].id}", "List them with: perflab runs")
    return found[0]


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
