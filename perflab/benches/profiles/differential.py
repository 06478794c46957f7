"""Bar 9: a planted change of 25 us per unit is the first row of the difference, and nothing is where nothing changed.

A comparison starts two fresh processes of one workload and attaches py-spy to them in turn, three times each; the CPU
per unit comes from an unwatched stretch before each capture.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.profiles import pottery
from perflab.errors import InstrumentFailure, StatisticError
from perflab.instrument.cpu_clock import process_cpu_s
from perflab.instrument.difference import ProfileDifference, Stretch, difference, stretch_of
from perflab.instrument.interface import Capture, Target
from perflab.instrument.pyspy import RATE_HZ, PySpy
from perflab.instrument.source_tree import SourceTree
from perflab.instrument.window import kill_group, on_cores
from perflab.system.cores import default_cores

ORDER = 90
PLANTED_US = 25.0
PAIRS_OF_ARMS, PAIRS, UNLIKE = 20, 3, 5
BARE_S, BARE_PARTS = 0.12, 4  # unwatched stretches of each arm before each pair of captures
WORKLOAD = Path(pottery.__file__)
PLANTED = (WORKLOAD.name, "glaze")


Compared = ProfileDifference | None


@dataclass(frozen=True)
class Look:
    """How one arm is looked at: length of a capture (whole seconds) and sampling rate."""

    seconds: float = 1.0
    rate_hz: int = RATE_HZ


@dataclass
class Arm:
    """A running workload."""

    pid: int
    counter: Path
    look: Look

    def read(self) -> tuple[float, int]:
        """Return CPU seconds used and units done so far."""
        return process_cpu_s(self.pid), pottery.COUNT.unpack(self.counter.read_bytes())[0]

    def unwatched(self) -> tuple[float, float]:
        """Let it work alone; return the CPU seconds used and the units done."""
        before = self.read()
        time.sleep(BARE_S)
        after = self.read()
        return after[0] - before[0], float(after[1] - before[1])

    def sampled(self, folder: Path) -> Capture:
        """Capture it under py-spy."""
        target = Target(WORKLOAD.parent, pid=self.pid, cores=default_cores().others)
        return PySpy("gil", rate_hz=self.look.rate_hz, min_samples=50).capture(target, self.look.seconds, folder)


def bars(say: Say) -> list[Bar]:
    """Measure the bars of the difference: found, false, size, and unlike lengths and rates."""
    cost = round_us()
    more = round(PLANTED_US / cost)
    changed = compare_many(more, PAIRS_OF_ARMS, say)
    same = compare_many(0, PAIRS_OF_ARMS, say)
    unlike = compare_many(more, UNLIKE, say, Look(2.0, 125), Look(1.0, 500))
    return [*changed_bars(changed, more * cost), *same_bars(same), *unlike_bars(unlike, more * cost)]


def changed_bars(found: list[Compared], truth_us: float) -> list[Bar]:
    """Bars over the comparisons with a planted change of `truth_us`; a comparison that failed has found nothing."""
    made = [each for each in found if each]
    first = sum(map(is_found, made))
    sizes = [planted_us(each) for each in made]
    false = sum((row.file, row.function) != PLANTED for each in made for row in each.changed)
    covered = sum(row.low <= truth_us <= row.high for each in made for row in each.rows if is_planted(row))
    detail = {"planted_us": truth_us, "sizes_us": sizes, "truth_inside": covered, "other_rows_changed": false,
              "failed": len(found) - len(made)}  # fmt: skip
    apart = {"apart_us": (min(sizes) - truth_us, max(sizes) - truth_us)} if sizes else {}  # signed, the value is not
    return [
        Bar("9.found", "planted change of 25 us: first row, interval without zero", first, ">=", len(found) * 19 / 20,
            "comparisons", len(found), detail=detail),
        Bar("9.size", "its size, distance of the median from the truth", median_error(sizes, truth_us), "<=", 2.5, "us",
            len(made), detail=apart),
    ]  # fmt: skip


def same_bars(found: list[Compared]) -> list[Bar]:
    """Bars over the comparisons of a workload with itself; not measured where one of them failed."""
    made = [each for each in found if each]
    rows = sum(len(each.rows) for each in made)
    false = [row.where for each in made for row in each.changed]
    any_false = sum(bool(each.changed) for each in made)
    moved = [abs(each.total.value) for each in made]
    share = 100 * len(false) / rows if rows and len(made) == len(found) else None
    return [
        Bar("9.false", "rows said to have changed, A against A", share, "<=", 5, "%", rows,
            detail={"rows": false, "comparisons_with_any": any_false, "comparisons": len(made),
                    "failed": len(found) - len(made),
                    "median_total_us": statistics.median(moved) if moved else None}),
    ]  # fmt: skip


def unlike_bars(found: list[Compared], truth_us: float) -> list[Bar]:
    """Bars over the comparisons whose arms were sampled for unlike times at unlike rates."""
    made = [each for each in found if each]
    sizes = [planted_us(each) for each in made]
    return [
        Bar("9.unlike", "2 s at 125 Hz against 1 s at 500 Hz: first row", sum(map(is_found, made)), ">=", len(found),
            "comparisons", len(found), detail={"sizes_us": sizes, "failed": len(found) - len(made)}),
        Bar("9.unlike_us", "its size there, distance of the median from the truth", median_error(sizes, truth_us), "<=",
            2.5, "us", len(made)),
    ]  # fmt: skip


def median_error(sizes: list[float], truth_us: float) -> float | None:
    """Return the distance of the median from the truth; None without a comparison."""
    return abs(statistics.median(sizes) - truth_us) if sizes else None


def compare_many(
    more_rounds: int,
    count: int,
    say: Say,
    baseline: Look = Look(),
    candidate: Look = Look(),
) -> list[Compared]:
    """Return `count` comparisons, each of two fresh processes, the second with so many more rounds of `glaze`.

    One whose capture failed is None. Each takes about 14 s, nearly all of it captures of a fixed length.
    """
    found: list[Compared] = []
    for number in range(count):
        try:
            made = compare(more_rounds, number, baseline, candidate)
        except (InstrumentFailure, StatisticError) as error:
            found.append(None)
            say(f"  {number + 1} of {count}: {error}")
            continue
        found.append(made)
        named = ", ".join(f"{row.function} {row.difference:+.1f}" for row in made.changed) or "none"
        say(f"  {number + 1} of {count}: changed {named}")
    return found


def compare(more_rounds: int, number: int, baseline: Look, candidate: Look) -> ProfileDifference:
    """Run one comparison of `PAIRS` interleaved pairs of captures."""
    rounds = pottery.GLAZE_ROUNDS
    with (
        tempfile.TemporaryDirectory() as text,
        running(Path(text) / "a", rounds, baseline) as first,
        running(Path(text) / "b", rounds + more_rounds, candidate) as second,
    ):
        found = [pair(first, second, Path(text) / str(at), (at + number) % 2 == 1) for at in range(PAIRS)]
    return difference([a for a, _ in found], [b for _, b in found], SourceTree(WORKLOAD.parent), "own", seed=number)


def pair(first: Arm, second: Arm, folder: Path, swapped: bool) -> tuple[Stretch, Stretch]:
    """Measure CPU per unit of both arms in short turns, then capture each; return a stretch of each."""
    arms = (second, first) if swapped else (first, second)
    parts: dict[int, list[tuple[float, float]]] = {arm.pid: [] for arm in arms}
    captures = {}
    for turn in range(BARE_PARTS):
        for arm in arms if turn % 2 else arms[::-1]:
            with alone(arm, second if arm is first else first):
                parts[arm.pid].append(arm.unwatched())
    for arm in arms:
        with alone(arm, second if arm is first else first):
            captures[arm.pid] = arm.sampled(folder / str(arm.pid))
    a, b = (stretch_of(captures[arm.pid], parts[arm.pid]) for arm in (first, second))
    return a, b


def is_planted(row: object) -> bool:
    """Whether a row is the planted function's."""
    return (getattr(row, "file", ""), getattr(row, "function", "")) == PLANTED


def is_found(found: ProfileDifference) -> bool:
    """Whether the planted function is the first row, slower, with an interval that excludes zero."""
    return bool(found.changed) and is_planted(found.rows[0]) and found.rows[0].low > 0


def planted_us(found: ProfileDifference) -> float:
    """Return the difference of the planted function; 0 when it was not seen."""
    return next((row.difference for row in found.rows if is_planted(row)), 0.0)


def round_us() -> float:
    """Return the CPU microseconds of one round of the planted function, measured in a process of its own."""
    cores = default_cores().system
    done = subprocess.run(
        [sys.executable, "-m", pottery.__name__], capture_output=True, text=True, check=True, timeout=120,
        preexec_fn=on_cores(cores),
    )  # fmt: skip
    return float(done.stdout)


@contextmanager
def running(folder: Path, rounds: int, look: Look) -> Iterator[Arm]:
    """Start a workload on the system's core and end it afterwards, whatever happens."""
    folder.mkdir()
    counter = folder / "units"
    counter.write_bytes(bytes(pottery.COUNT.size))
    popen = subprocess.Popen(
        [sys.executable, "-m", pottery.__name__, str(counter), "--glaze", str(rounds)],
        stdout=subprocess.PIPE, start_new_session=True, preexec_fn=on_cores(default_cores().system),
    )  # fmt: skip
    try:
        assert popen.stdout is not None
        popen.stdout.readline()
        yield Arm(popen.pid, counter, look)
    finally:
        if popen.stdout:
            popen.stdout.close()
        kill_group(popen)


@contextmanager
def alone(arm: Arm, other: Arm) -> Iterator[None]:
    """Stop the other workload while this one is looked at: they share a core."""
    os.kill(other.pid, signal.SIGSTOP)
    os.kill(arm.pid, signal.SIGCONT)
    yield
