"""The page of a run while it is measured: rebuilt when findings come, and never at the run's cost."""

from __future__ import annotations

from pathlib import Path

import typer

from perflab.runs import Run


class PageWatcher:
    """Rebuild the run's page when its findings have changed, so that first answers are readable early."""

    def __init__(self, run: Run, reports: Path) -> None:
        self.run, self.reports = run, reports
        self._seen = self._state()
        self._said = ""

    def _state(self) -> tuple[tuple[str, int], ...]:
        return tuple((f.name, f.stat().st_mtime_ns) for f in sorted(self.run.folder("findings").glob("*.json")))

    def look(self) -> None:
        """Rebuild when a findings file is new or newer."""
        try:
            state = self._state()
        except OSError:  # a file was replaced meanwhile: the next look sees it
            return
        if state != self._seen:
            self._seen = state
            self.rebuild()

    def rebuild(self, notebook: Path | None = None) -> bool:
        """Build the page and the index; with `notebook`, that notebook's own page too. Return whether that went well.

        A page that cannot be built (a full disk, a fault of its own) must not end the notebook that is measuring.
        """
        try:
            self._build(notebook)
        except Exception as error:
            line = f"perflab: the page cannot be built ({type(error).__name__}: {error}); the measurement goes on"
            if line != self._said:
                typer.echo(line, err=True)
            self._said = line
            return False
        return True

    def _build(self, notebook: Path | None) -> None:
        from perflab.report.page_notebook import build_notebook_page
        from perflab.report.run_index import build_index
        from perflab.report.run_page import build_run_page

        self.run.reload()
        if notebook is not None and notebook.exists():
            build_notebook_page(notebook, notebook.with_suffix(".html"))
        build_run_page(self.run)
        build_index(self.reports)
