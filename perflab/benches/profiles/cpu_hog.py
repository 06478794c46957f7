"""Bar 6: with a CPU hog beside the target the verdict is right or "cannot say", 20 times of 20; never silently wrong.

Ten looks at the live gateway with a hog on its core, at duties up to a whole core, by py-spy; ten fresh processes of
the workload under py-spy and scalene with the same.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, attempt, hog, on_live_gateway
from perflab.benches.profiles.native_operator import verdict
from perflab.benches.profiles.planted_cpu import DOSE
from perflab.benches.profiles.program import program
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable

ORDER = 9
RUNS = 10
DUTIES = (0.2, 0.4, 0.6, 0.8, 1.0)
LIVE, NAMED = "housekeeping.py:Levels.refresh_levels", "work.py:mix"


def bars(say: Say) -> list[Bar]:
    """Count right, open and wrong verdicts."""
    study = bench_study()
    said: Counter[str] = Counter()
    on_live_gateway(study, f"hot={DOSE}", lambda live: _live(live, said, say))
    chosen = program(study)
    for number in range(RUNS):
        duty = DUTIES[number % len(DUTIES)]
        with hog(chosen.core, duty):
            takes = [partial(chosen.profiled, "mixed", PySpy("gil"), 2.0),
                     partial(chosen.profiled, "mixed", PySpy("cpu"), 2.0),
                     partial(chosen.profiled, "mixed", Scalene(), 2.0)]  # fmt: skip
            tables = [table for table, _ in map(attempt, takes) if table]
        _count(tables, NAMED, duty, said, say)
    return [
        Bar("6.hog", "with a CPU hog beside it: wrong first places", said["wrong"], "<=", 0, f"of {2 * RUNS}",
            sum(said.values()), detail=dict(said)),
    ]  # fmt: skip


def _live(live: Live, said: Counter[str], say: Say) -> None:
    for number in range(RUNS):
        duty = DUTIES[number % len(DUTIES)]
        with hog(live.core, duty):
            looks = (partial(live.sampled, "gil", 2.0), partial(live.sampled, "cpu", 2.0))
            tables = [table for table, _ in map(attempt, looks) if table]
        _count(tables, LIVE, duty, said, say)


def _count(tables: list[ProfileTable], name: str, duty: float, said: Counter[str], say: Say) -> None:
    found = verdict(tables, name)
    said[found] += 1
    delays = [round(table.health.run_delay, 2) for table in tables]
    say(f"  hog at {duty:.0%}: {found}, run-queue delays {delays}")
