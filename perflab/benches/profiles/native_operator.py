"""Bar 5: a hot native operator (`a ** 3.3`) is named, or the instrument disqualified; never a wrong first place.

20 sets of fresh processes of the standalone workload, by py-spy and scalene; `native_live` looks at the gateway. A set
without one of its captures is failed, and counts against the bar.
"""

from __future__ import annotations

from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.outcomes import counted, look_with
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
    said: list[str] = []
    kept = 0
    for number in range(RUNS):
        look = look_with([partial(chosen.profiled, "operator", PySpy("gil"), 2.0),
                          partial(chosen.profiled, "operator", PySpy("cpu"), 2.0),
                          partial(chosen.profiled, "operator", Scalene(min_samples=100), 2.0)])  # fmt: skip
        said.append(look.outcome(NAMED))
        kept += bool(look.tables) and _kept(look.tables)
        gates = [f"{g.instrument}-{g.view} {g.verdict} {','.join(g.codes)}" for g in rank(look.tables).gates]
        say(f"  {number + 1}: {said[-1]} {'; '.join(look.problems)}; {gates}")
    seen = counted(said)
    told = ", ".join(f"{count} {name}" for name, count in seen.items())
    return [
        Bar("5.wrong", f"native operator: sets that failed or name a wrong place ({told})",
            RUNS - seen["right"] - seen["open"], "<=", 0, "of 20", RUNS, detail=seen),
        Bar("5.named", "native operator: named, or scalene disqualified", kept, ">=", RUNS, "of 20", RUNS),
    ]  # fmt: skip


def _kept(tables: list[ProfileTable]) -> bool:
    found = rank(tables)
    return found.first == NAMED or any(g.instrument == "scalene" and g.verdict == "disqualified" for g in found.gates)
