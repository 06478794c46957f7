"""What became of a notebook: our own judgement from what was really executed, whatever papermill stamped.

papermill stamps a cell `completed` when its kernel was killed or its time ran out, and calls `sys.exit(0)` a success.
So "done" must be earned: the runner said so, every code cell has an execution number, and no cell holds an error.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from perflab.report.notebook.light_imports import nbformat
from perflab.runs import write_atomic

Status = Literal["done", "failed", "killed", "timeout", "early-exit"]
CellStatus = Literal["done", "failed", "killed", "timeout", "early-exit", "not run"]
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class CellRecord:
    """One code cell: wall and CPU seconds (kernel and its ended children), and the kernel's peak resident bytes."""

    id: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_rss_bytes: int = 0
    status: CellStatus = "not run"


@dataclass(frozen=True)
class NotebookOutcome:
    """How a notebook ended; `reason` is one line, empty when it is done."""

    status: Status
    reason: str
    wall_s: float
    cells: tuple[CellRecord, ...]

    @property
    def code(self) -> str:
        """The stable code of how it ended (`perflab doctor --codes`); empty when it is done."""
        return {"killed": "N201", "timeout": "N202", "early-exit": "N203", "failed": "N204"}.get(self.status, "")

    @property
    def ok(self) -> bool:
        """Whether every cell ran to its end."""
        return self.status == "done"


def code_cells(notebook: Any) -> list[Any]:
    """Return the cells that a kernel has something to do for."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def first_error(notebook: Any) -> tuple[str, str, str] | None:
    """Return (cell id, exception name, one line) of the first error output, or None."""
    for cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                line = _ANSI.sub("", str(output.evalue)).strip().splitlines() or [""]
                return cell.id, str(output.ename), line[0][:300]
    return None


def judge(notebook: Any, claimed: Status | None, claimed_reason: str) -> tuple[Status, str]:
    """Return status and reason: what the runner claimed, unless the notebook itself speaks against it."""
    if claimed in ("timeout", "killed"):
        return claimed, claimed_reason
    if error := first_error(notebook):
        cell, name, line = error
        if name == "SystemExit":
            return "early-exit", f"cell `{cell}` ended the notebook early (sys.exit({line}))"
        return "failed", f"cell `{cell}`: {name}: {line}" if line else f"cell `{cell}`: {name}"
    if claimed is None:
        return "killed", claimed_reason or "the notebook's process ended without a word"
    if claimed != "done":
        return claimed, claimed_reason
    unrun = [cell.id for cell in code_cells(notebook) if cell.execution_count is None]
    if unrun:
        return "failed", f"cell `{unrun[0]}` never ran"
    return "done", ""


def restamp(notebook: Any, status: Status, reason: str, records: dict[str, CellRecord]) -> tuple[CellRecord, ...]:
    """Write the true status into every code cell and the notebook; return the cells' records in order."""
    ended = False
    out = []
    for cell in code_cells(notebook):
        record = records.get(cell.id, CellRecord(cell.id))
        state: CellStatus = "done" if record.status == "done" and not ended else "not run"
        if not ended and status != "done" and record.status != "done":
            state, ended = status, True
        record = CellRecord(cell.id, record.wall_s, record.cpu_s, record.peak_rss_bytes, state)
        cell.metadata.setdefault("papermill", {})["status"] = {"done": "completed"}.get(state, state)
        cell.metadata["perflab"] = asdict(record)
        out.append(record)
    notebook.metadata["perflab_outcome"] = {"status": status, "reason": reason}
    if "papermill" in notebook.metadata:
        notebook.metadata.papermill["exception"] = True if status != "done" else None
    return tuple(out)


def save_notebook(notebook: Any, path: Path) -> None:
    """Write the executed notebook so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, nbformat.writes(notebook))
