"""A papermill engine that measures each cell and knows how the notebook really ended."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from traitlets import Unicode, default

from perflab.instrument.high_water import reset_high_water, resident
from perflab.report.notebook.background import failures_file, read_failures
from perflab.report.notebook.outcome import CellRecord, CellStatus, Status

SAMPLE_S = 0.05
SETTLE_S = 0.3  # after the last cell, for threads and tasks that fail at once


class StrictKernelManager(AsyncKernelManager):
    """Starts our own kernel with this Python, over Unix sockets: no ports, so nothing to collide.

    The sockets lie in the notebook's scratch folder, which is removed however the kernel ends: jupyter_client's own
    default is the working directory, where a killed kernel would leave them.
    """

    transport = Unicode("ipc")

    @default("ip")
    def _sockets(self) -> str:
        """Return the common beginning of the sockets' paths; with `-N` behind it must fit in 107 bytes."""
        return os.path.join(os.environ["JUPYTER_RUNTIME_DIR"], "k")

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return the specification of `perflab.report.notebook.kernel`."""
        import sys

        argv = [sys.executable, "-m", "perflab.report.notebook.kernel", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="perflab", language="python")


class KernelGauge:
    """CPU seconds and peak resident bytes of the kernel, sampled from outside every 50 ms.

    Where the kernel of the machine lets the high-water mark be reset (proc(5), clear_refs), a shorter peak counts too.
    """

    def __init__(self, pid: int) -> None:
        self._process, self._peak, self._stop = psutil.Process(pid), 0, threading.Event()
        self._cpu, self._marked = 0.0, False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        try:
            with self._process.oneshot():
                self._peak = max(self._peak, self._process.memory_info().rss)
                self._cpu = sum(self._process.cpu_times()[:4])  # own and ended children's, user and system
        except psutil.Error:
            self._stop.set()  # the kernel is gone; the last sample stands

    def start(self) -> float:
        """Begin a cell: forget the peak, return the CPU seconds so far."""
        self._peak, self._marked = 0, reset_high_water(self._process.pid)
        self._look()
        return self._cpu

    def read(self) -> tuple[float, int]:
        """Return CPU seconds so far and the peak since `start`."""
        self._look()
        seen = resident(self._process.pid) if self._marked else None
        return self._cpu, max(self._peak, seen.peak if seen else 0)

    def close(self) -> None:
        """Stop sampling."""
        self._stop.set()
        self._thread.join(timeout=2)


class StrictClient(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells, keeps a record of each, and stops at the first that did not end well."""

    def papermill_execute_cells(self) -> None:
        """Run every cell in order; write the record after each, so that it survives this process."""
        book: Book = self.nb_man.book
        gauge = KernelGauge(self.km.provisioner.pid)
        try:
            for index, cell in enumerate(self.nb.cells):
                if not self._run(cell, index, gauge, book):
                    return
            book.finish("done", "")
        finally:
            gauge.close()

    def _run(self, cell: Any, index: int, gauge: KernelGauge, book: Book) -> bool:
        """Run one cell; return whether the next may follow."""
        busy = cell.cell_type == "code" and bool(cell.source.strip())
        began, cpu = time.monotonic(), gauge.start()
        self.nb_man.cell_start(cell, index)
        status: CellStatus = "done"
        reason = ""
        try:
            self.execute_cell(cell, index)
        except CellExecutionError as error:
            self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
            status, reason = ("timeout", book.late(cell.id)) if book.left_s() <= 0 else ("failed", str(error.ename))
        except DeadKernelError:
            status, reason = "killed", f"the kernel died in cell `{cell.id}`"
        if status == "done" and (failed := self._in_background(last=index == len(self.nb.cells) - 1)):
            status, reason = "failed", failed
        used, peak = gauge.read()
        if busy:
            book.add(CellRecord(cell.id, round(time.monotonic() - began, 4), round(used - cpu, 4), peak, status))
        self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
        if status != "done":
            book.finish(status, reason)
        return status == "done"

    def _in_background(self, last: bool) -> str:
        """Return the reason line of the first failure outside of a cell; empty when there is none."""
        if last:
            time.sleep(SETTLE_S)
        counts = {cell.execution_count: cell.id for cell in self.nb.cells if cell.get("execution_count")}
        return next((failure.reason(counts) for failure in read_failures(failures_file(), last)), "")


class Book:
    """The running record of a notebook on disk: the parent reads it even when this process was killed."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.path, self.timeout_s = path, timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._body: dict[str, Any] = {"status": None, "reason": "", "cells": []}

    def left_s(self) -> float:
        """Return the seconds that the notebook still has."""
        return self._deadline - time.monotonic()

    def late(self, cell: str) -> str:
        """Return the reason line of a notebook that ran out of time in `cell`."""
        return f"cell `{cell}` was still running after {self.timeout_s:g} s, the notebook's time limit"

    def add(self, record: CellRecord) -> None:
        """Keep a cell's record."""
        self._body["cells"].append(asdict(record))
        self._write()

    def finish(self, status: Status | CellStatus, reason: str) -> None:
        """Keep how the notebook ended; the first word stands."""
        if self._body["status"] is None:
            self._body.update(status=status, reason=reason)
            self._write()

    def _write(self) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._body), encoding="utf-8")
        temporary.replace(self.path)


class StrictEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine with our client; `book` and the deadline travel as engine arguments."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, book: Book, **_: Any) -> Any:
        """Execute the notebook with a kernel of our own and a deadline over all its cells together."""
        nb_man.book = book
        client = StrictClient(
            nb_man,
            kernel_manager_class=StrictKernelManager,
            kernel_name=kernel_name,
            startup_timeout=60,
            shell_timeout_interval=1,  # how soon a dead kernel is noticed after the last cell
            timeout_func=lambda cell: max(book.left_s(), 0.01),
            interrupt_on_timeout=True,  # a KeyboardInterrupt shows where it hung, and lets `finally` blocks run
        )
        return client.execute()
