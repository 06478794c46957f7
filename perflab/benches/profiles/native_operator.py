"""Bar 5: a hot native operator (`a ** 3.3`) is named, or the instrument disqualified; never a wrong first place.

20 sets of fresh processes of the standalone workload, by py-spy and scalene; `native_live` looks at the gateway.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import attempt
from perflab.benches.profiles.program import program
from perflab.instrument.pyspy import PySpy
from perflab.instrument.ranking import rank
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable

ORDER = 8
RUNS = 20
NAMED = "work.py:shape"


def bars(say: Say) -> list[Bar]:
    """Fuse 20 sets of captures."""
    study = bench_study()
    chosen = program(study)
    said: Counter[str] = Counter()
    for number in range(RUNS):
        takes = [partial(chosen.profiled, "operator", PySpy("gil"), 2.0),
                 partial(chosen.profiled, "operator", PySpy("cpu"), 2.0),
                 partial(chosen.profiled, "operator", Scalene(min_samples=100), 2.0)]  # fmt: skip
        tables = [table for table, _ in map(attempt, takes) if table]
        said[verdict(tables, NAMED)] += 1
        said["named or scalene out"] += _kept(tables)
        gates = [f"{g.instrument}-{g.view} {g.verdict} {','.join(g.codes)}" for g in rank(tables).gates]
        say(f"  {number + 1}: {dict(said)}; {gates}")
    return [
        Bar("5.wrong", "native operator: wrong first places", said["wrong"], "<=", 0, "of 20", RUNS, detail=dict(said)),
        Bar("5.named", "native operator: named, or scalene disqualified", said["named or scalene out"], ">=", RUNS,
            "of 20", RUNS),
    ]  # fmt: skip


def _kept(tables: list[ProfileTable]) -> bool:
    found = rank(tables)
    return found.first == NAMED or any(g.instrument == "scalene" and g.verdict == "disqualified" for g in found.gates)


def verdict(tables: list[ProfileTable], name: str) -> str:
    """Return whether the fused ranking names the place (right), another (wrong), or cannot say (open)."""
    found = rank(tables).first
    return "right" if found == name else "wrong" if found else "open"
