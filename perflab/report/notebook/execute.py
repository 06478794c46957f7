"""Run one notebook in this process: ``python -m perflab.report.notebook.execute NB OUT PARAMS.json``.

The process belongs to one notebook: papermill changes the working directory of its process, and a notebook that
takes its process down must not take the run down. It dies with its parent, and takes its kernel along.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType

from perflab.report.notebook.lifeline import MARK, die_with_parent, sweep


def _leave(parent: int) -> None:
    """End everything below this notebook, then this process; a parent that was killed left us its scratch folder."""
    sweep(os.environ.get(MARK, ""), grace_s=0.5)
    if os.getppid() != parent and (scratch := os.environ.get("JUPYTER_RUNTIME_DIR")):
        shutil.rmtree(scratch, ignore_errors=True)
    os._exit(143)


def main(argv: list[str]) -> int:
    """Execute the notebook; 0 when every cell ran, 1 otherwise (the parent judges by the record, not by this)."""
    notebook, out, order = Path(argv[0]), Path(argv[1]), json.loads(Path(argv[2]).read_text(encoding="utf-8"))

    def on_term(_signum: int, _frame: FrameType | None) -> None:
        _leave(int(order["parent"]))

    signal.signal(signal.SIGTERM, on_term)
    die_with_parent(int(order["parent"]), signal.SIGTERM)

    from perflab.report.notebook.light_imports import BLOCKED_IN_RUNNER, block

    block(*BLOCKED_IN_RUNNER)
    import papermill
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError

    from perflab.report.notebook.engine import Book, StrictEngine

    papermill_engines.register("perflab", StrictEngine)
    book = Book(Path(order["record"]), float(order["timeout_s"]))
    try:
        papermill.execute_notebook(
            str(notebook).replace("{", "{{").replace("}", "}}"),  # papermill formats paths
            str(out).replace("{", "{{").replace("}", "}}"),
            parameters=order["parameters"],
            engine_name="perflab",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=order["cwd"],
            book=book,
        )
    except PapermillExecutionError:
        return 1  # the traceback is in the notebook
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
