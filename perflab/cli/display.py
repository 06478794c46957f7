"""What a person sees while a study runs: which notebook, which step, how long still."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from perflab.runs import Run
from perflab.units import seconds_text as exact_text

QUIET_EVERY_S = 15.0  # without a terminal: a line when the step changes, and this often


def seconds_text(seconds: float) -> str:
    """Say a waiting time in whole seconds, "31 s" and "4 min 5 s": nobody waits for milliseconds."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else exact_text(float(whole))


class Display:
    """A live line on a terminal; plain lines where there is none (CI), so that logs stay readable."""

    def __init__(self, run: Run, expected_s: dict[str, float]) -> None:
        self.run, self.expected_s = run, expected_s
        self.console = Console(stderr=True, soft_wrap=True)
        self.live = self.console.is_terminal
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[left]}"), console=self.console
        )
        self._task: TaskID | None = None
        self._name, self._last, self._said = "", "", 0.0
        self._began = time.monotonic()

    def __enter__(self) -> Display:
        if self.live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self._bar.stop()

    def begin(self, name: str) -> None:
        """Start a notebook."""
        self._name = name
        (self.run.path / "progress.json").unlink(missing_ok=True)
        self.say(f"{name} (about {seconds_text(self.expected_s[name])})")
        if self.live:
            self._task = self._bar.add_task(name, total=1.0, left="")

    def update(self, elapsed_s: float) -> None:
        """Show the present step; called about twice a second."""
        step, share, detail = self._progress()
        left = max(self.expected_s[self._name] - elapsed_s, 0.0)
        later = sum(list(self.expected_s.values())[list(self.expected_s).index(self._name) + 1 :])
        text = f"{step or self._name} {detail}".strip()
        tail = f"{seconds_text(elapsed_s)}, about {seconds_text(left)} left here, {seconds_text(left + later)} in all"
        if self.live and self._task is not None:
            self._bar.update(self._task, description=text, completed=share, left=tail)
        elif text != self._last and time.monotonic() - self._said > QUIET_EVERY_S:
            self.say(f"  {text}: {tail}")
            self._last, self._said = text, time.monotonic()

    def end(self, name: str, status: str, wall_s: float, reason: str) -> None:
        """Finish a notebook."""
        if self.live and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        over = self.expected_s[name]
        self.say(
            f"{name}: {status} in {seconds_text(wall_s)} (budget {seconds_text(over)})"
            + (f": {reason}" if reason else "")
        )

    def say(self, line: str) -> None:
        """Print one line above the live one, to stderr."""
        if self.live:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def _progress(self) -> tuple[str, float, str]:
        try:
            body = json.loads((self.run.path / "progress.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "", 0.0, ""
        return body["step"], body["done"] / max(body["total"], 1e-9), body["detail"]
