"""Failures that no cell sees: an exception in a thread, or in a task that nobody awaits.

IPython prints them, if at all, and the cell stays green. In the kernel they are written to a file beside the kernel's
sockets; the runner reads it after every cell.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "background.json"
_cell: ContextVar[int] = ContextVar("perflab_cell", default=0)


@dataclass(frozen=True)
class Failure:
    """One exception outside of a cell: thread or task, the execution count of the cell it is of, and one line.

    Of a task that is the cell that started it, of a thread the cell during or after which it failed.
    """

    kind: str
    count: int
    line: str

    def reason(self, cells: Mapping[int, str]) -> str:
        """Return the reason line of a notebook that failed by it; `cells` are ids by execution count."""
        when = "failed during" if self.kind == "thread" else "failed that was started in"
        return f"a {self.kind} {when} cell `{cells.get(self.count, '?')}`: {self.line}"


def failures_file() -> Path:
    """Return where the kernel writes; runner and kernel share the scratch folder by their environment."""
    return Path(os.environ["JUPYTER_RUNTIME_DIR"]) / FILE


def read_failures(path: Path, last: bool) -> list[Failure]:
    """Return what failed so far; a task that failed may still be awaited by a later cell, so it counts at the last."""
    if not path.is_file():
        return []
    body = json.loads(path.read_text(encoding="utf-8"))
    return [Failure(**item) for item in body["certain"] + (body["open"] if last else [])]


class BackgroundWatch:
    """Lives in the kernel: hears of threads by their hook and of tasks by a callback when they are done."""

    def __init__(self, path: Path) -> None:
        self._path, self._certain = path, list[Failure]()
        self._open: list[tuple[asyncio.Task[Any], Failure]] = []
        self._loops: set[int] = set()
        self._lock = threading.Lock()
        self._count = 0  # of the cell that runs or ran last: the shell counts on before the cell runs

    def install(self, shell: Any) -> None:
        """Watch all threads, and the tasks that cells of this shell start."""
        plain = threading.excepthook

        def hook(args: Any) -> None:
            if not issubclass(args.exc_type, SystemExit):
                self._certain.append(Failure("thread", self._count, _line(args.exc_value or args.exc_type())))
                self._write()
            plain(args)

        threading.excepthook = hook
        shell.events.register("pre_run_cell", lambda _: self._begin(int(shell.execution_count) - 1))
        shell.events.register("post_run_cell", lambda _: self._write())

    def _begin(self, count: int) -> None:
        self._count = count
        _cell.set(self._count)
        loop = asyncio.get_running_loop()
        if id(loop) not in self._loops:
            self._loops.add(id(loop))
            loop.set_task_factory(self._task)

    def _task(self, loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **given)
        if cell := _cell.get():
            task.add_done_callback(lambda done: self._done(done, cell))
        return task

    def _done(self, task: asyncio.Task[Any], cell: int) -> None:
        # not task.exception(): asking would mark the exception as taken care of
        error = None if task.cancelled() else getattr(task, "_exception", None)
        if isinstance(error, Exception):
            self._open.append((task, Failure("task", cell, _line(error))))
            self._write()

    def _write(self) -> None:
        """Write what is known now; a task whose exception was fetched meanwhile is forgotten."""
        with self._lock:
            self._open = [item for item in self._open if getattr(item[0], "_log_traceback", False)]
            body = {"certain": [asdict(f) for f in self._certain], "open": [asdict(f) for _, f in self._open]}
            temporary = self._path.with_suffix(f".{threading.get_ident()}.tmp")
            temporary.write_text(json.dumps(body), encoding="utf-8")
            temporary.replace(self._path)


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
