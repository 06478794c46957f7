"""Bar 5: a hot native operator (`a ** 3.3`) is named, or the instrument disqualified; never a wrong first place.

20 fresh processes of the standalone workload, each under py-spy and under scalene, and one look at the live gateway.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, attempt, on_live_gateway, scalene_on_gateway
from perflab.benches.profiles.program import program
from perflab.experiments.study import Study
from perflab.instrument.pyspy import PySpy
from perflab.instrument.ranking import rank
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable

ORDER = 8
RUNS = 20
NAMED, LIVE = "work.py:shape", "upkeep.py:Gains.shape_gain"
DOSE = 40


def bars(say: Say) -> list[Bar]:
    """Fuse 20 pairs of captures, and one on the gateway."""
    study = bench_study()
    chosen = program(study)
    said: Counter[str] = Counter()
    for number in range(RUNS):
        takes = [partial(chosen.profiled, "operator", PySpy("gil"), 2.0),
                 partial(chosen.profiled, "operator", PySpy("cpu"), 2.0),
                 partial(chosen.profiled, "operator", Scalene(min_samples=100), 2.0)]  # fmt: skip
        tables = [table for table, _ in map(attempt, takes) if table]
        said[verdict(tables, NAMED)] += 1
        gates = [f"{g.instrument}-{g.view} {g.verdict} {','.join(g.codes)}" for g in rank(tables).gates]
        say(f"  {number + 1}: {dict(said)}; {gates}")
    live: Counter[str] = Counter([_live(study)])
    return [
        Bar("5.wrong", "native operator: wrong first places", said["wrong"], "<=", 0, "of 20", RUNS, detail=dict(said)),
        Bar("5.named", "native operator: named, not merely left open", said["right"], ">=", 19, "of 20", RUNS),
        Bar("5.live", "native operator on the live gateway: wrong first places", live["wrong"], "<=", 0, "of 1", 1,
            detail=dict(live)),
    ]  # fmt: skip


def verdict(tables: list[ProfileTable], name: str) -> str:
    """Return whether the fused ranking names the place (right), another (wrong), or cannot say (open)."""
    found = rank(tables).first
    return "right" if found == name else "wrong" if found else "open"


def _live(study: Study) -> str:
    tables: list[ProfileTable] = []
    plant = f"gain={DOSE}"
    on_live_gateway(study, plant, lambda live: tables.extend(_views(live)))
    table, _ = attempt(lambda: scalene_on_gateway(study, plant, 4.0))
    return verdict([*tables, *([table] if table else [])], LIVE)


def _views(live: Live) -> list[ProfileTable]:
    return [live.sampled("gil", 4.0), live.sampled("cpu", 4.0)]
