"""The bars of the two commands of a fresh clone: its set-up, its quick spike, and when that first tells something."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from perflab.benches.bar import Bar
from perflab.benches.fresh_clone import Clone, Ended, fresh_clone, python_words, run_in
from perflab.benches.parts import Say
from perflab.errors import EXIT_OK, EXIT_TARGET_MISSED, EXIT_UNTRUSTED, UsageError
from perflab.experiments.code_state import PERFLAB, perflab_commit
from perflab.experiments.effort import QUICK
from perflab.runs import Run, list_runs
from perflab.system.cores import default_cores, stay_on
from perflab.system.process import exit_text

SETUP_LIMIT_S, SPIKE_LIMIT_S = 900.0, 3600.0  # after which nobody waits any longer
# Exit codes of a spike that went to its end: it took its time whatever it judged, or refused to judge.
WHOLE = {EXIT_OK: "", EXIT_TARGET_MISSED: "a target missed", EXIT_UNTRUSTED: "trust checks refused to judge"}
ASKED: dict[str, tuple[str, str, float, str]] = {
    "6.setup": ("make setup in a fresh clone", "<", 90, "s"),
    "6.quick": ("set-up and quick spike of a fresh clone", "<", 600, "s"),
    "6.first": ("first finding about the system on the page, set-up included", "<", 180, "s"),
    "6.budget": ("steps over their published budget, set-up among them", "<=", 0, "steps"),
    "6.page": ("page of the quick spike", "<", 1000, "kB"),
}
_BLOCK = re.compile(r'<article\b[^>]*\bid="f(\d\d)-')
_NOT_OF_THE_SYSTEM = {"00", "01"}  # 00_machine and 01_how_numbers_lie: of the machine, and of statistics


def bars(say: Say) -> list[Bar]:
    """Measure the fresh clone of the repository that this perflab runs from. Takes about ten minutes."""
    if not perflab_commit():
        return unmeasured(ASKED, "perflab does not run from a git checkout: nothing to clone", {})
    stay_on(default_cores().others)
    return fresh_bars(PERFLAB.parent, say)


def fresh_bars(top: Path, say: Say) -> list[Bar]:
    """Clone the repository at `top`, set it up, run its quick spike, and return the bars; the clone is removed.

    Seconds are of the wall clock and of one run each: their spread is in no interval. What cannot be measured is a
    bar without value that says why, and what had been measured before it stays.
    """
    if not (make := shutil.which("make")):
        return unmeasured(ASKED, "there is no make on this machine", {})
    try:
        with fresh_clone(top) as clone:
            say(f"a fresh clone of {clone.commit} in {clone.folder} ...")
            made = _of_clone(clone, make, say)
    except UsageError as error:
        return unmeasured(ASKED, str(error), {})
    left = clone.folder.parent
    say(f"{left} could not be removed" if left.exists() else "the clone and its run are removed")
    return made


def _of_clone(clone: Clone, make: str, say: Say) -> list[Bar]:
    detail: dict[str, Any] = {"commit": clone.commit, "python": " ".join(python_words())}
    if clone.left_out:
        detail["left_out"] = f"{clone.left_out} files of the checkout that no commit holds so are not in the clone"
        say(f"  {detail['left_out']}")
    say("make setup ...")
    setup = run_in(clone, [make, "setup", *python_words()], SETUP_LIMIT_S, say, lambda _: None)
    if setup.code != EXIT_OK:
        return unmeasured(ASKED, f"make setup: {_ending(setup, SETUP_LIMIT_S)}", detail)
    say(f"set up in {setup.wall_s:.1f} s; the quick spike, about ten minutes ...")
    first = FirstFinding(clone.folder / "reports")
    command = [str(clone.folder / ".venv" / "bin" / "perflab"), "spike", "--effort", "quick"]
    made = [_bar("6.setup", setup.wall_s, detail | {"said": setup.last_words.rpartition(" | ")[2]})]
    rest = [id for id in ASKED if id != "6.setup"]
    try:
        spike = run_in(clone, command, SPIKE_LIMIT_S, say, first.look)
    except UsageError as error:
        return [*made, *unmeasured(rest, str(error), detail)]
    detail |= {"setup_s": setup.wall_s, "spike_s": spike.wall_s, "exit_code": spike.code}
    if spike.code not in WHOLE:
        return [*made, *unmeasured(rest, f"perflab spike: {_ending(spike, SPIKE_LIMIT_S)}", detail)]
    detail |= {"ended": WHOLE[spike.code]} if WHOLE[spike.code] else {}
    first.look(spike.wall_s)
    seen_s = None if first.seen_s is None else min(first.seen_s, spike.wall_s)
    runs, problems = list_runs(clone.folder / "reports")
    if len(runs) != 1:
        reason = "; ".join(problems) or f"the spike left {len(runs)} runs, one was expected"
        return [*made, _bar("6.quick", setup.wall_s + spike.wall_s, detail), *unmeasured(rest[1:], reason, detail)]
    return [*made, _bar("6.quick", setup.wall_s + spike.wall_s, detail),
            *first_bar(seen_s, setup.wall_s, detail), *run_bars(runs[0], setup.wall_s, detail)]  # fmt: skip


def first_bar(seen_s: float | None, setup_s: float, detail: dict[str, Any]) -> list[Bar]:
    """Return the bar of the first finding, which the page had `seen_s` after the spike's start; None = never."""
    if seen_s is None:
        return unmeasured(["6.first"], "no finding about the system was ever on the page", detail)
    return [_bar("6.first", setup_s + seen_s, detail | {"after_start_of_spike_s": seen_s})]


def run_bars(run: Run, setup_s: float, detail: dict[str, Any]) -> list[Bar]:
    """Return the bars of what the run itself tells: steps over their budget, and the size of its page."""
    steps = {"set-up": (setup_s, QUICK.budget_s["setup"])}
    steps |= {step.name: (step.wall_s, step.budget_s) for step in run.manifest.steps}
    over = [name for name, (took, budget) in steps.items() if took > budget]
    told = {name: {"seen_s": took, "budget_s": budget} for name, (took, budget) in steps.items()}
    page = run.path / "index.html"
    made = [_bar("6.budget", len(over), detail | {"over": over, "steps": told}, len(steps))]
    if not page.is_file():
        return [*made, *unmeasured(["6.page"], "the run has no page", detail)]
    return [*made, _bar("6.page", page.stat().st_size / 1000, detail)]


def unmeasured(ids: Iterable[str], reason: str, detail: dict[str, Any]) -> list[Bar]:
    """Return bars without value, each with the reason."""
    return [_bar(id, None, {**detail, "reason": reason}, 0) for id in ids]


def _bar(id: str, value: float | None, detail: dict[str, Any], n: int = 1) -> Bar:
    title, operator, limit, unit = ASKED[id]
    if value is None:
        title = f"{title} ({detail['reason']})"
    return Bar(id, title, value, operator, limit, unit, n, detail=detail)


def _ending(ended: Ended, limit_s: float) -> str:
    how = f"stopped, it still ran after {limit_s:.0f} s" if ended.code is None else exit_text(ended.code)
    return f"{how} ({ended.last_words})"


class FirstFinding:
    """When the page of the only run below `reports` first shows a finding about the system.

    The page is looked at as a reader would reload it, four times a second, because nothing else tells: findings are
    written over, and the page is built after them. So the time is late by at most a look and the reading of a page.
    """

    def __init__(self, reports: Path) -> None:
        self.seen_s: float | None = None
        self._reports, self._changed = reports, 0

    def look(self, elapsed_s: float) -> None:
        """Read the page when it has changed; `elapsed_s` is the present moment, seconds since the spike's start.

        The last look comes when the spike is over: the page had by then what is seen, however long its reading takes.
        """
        if self.seen_s is not None:
            return
        began = time.monotonic()
        for page in self._reports.glob("runs/*/index.html"):
            changed = page.stat().st_mtime_ns
            if changed == self._changed:
                continue
            self._changed = changed
            if about_the_system(page.read_text(encoding="utf-8")):
                self.seen_s = elapsed_s + time.monotonic() - began


def about_the_system(page: str) -> bool:
    """Whether a run page has the block of a finding that is about the system, not of the machine or of statistics."""
    return any(number not in _NOT_OF_THE_SYSTEM for number in _BLOCK.findall(page))
