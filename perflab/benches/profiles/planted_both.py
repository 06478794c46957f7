"""Bar 1, second half: a function hot in CPU and in allocation is first in all three instruments.

py-spy and memray look at one loaded gateway in many short captures, memray attached. scalene needs a fresh process
each time and looks at the standalone workload, whose largest function allocates as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Key, Live, attempt, on_live_gateway, own_order
from perflab.benches.profiles.program import Program, program
from perflab.experiments.study import Study
from perflab.instrument.memray import Memray
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable

ORDER = 3
DOSE, RUNS = 40, 20
PLANTED = ("upkeep.py", "Blends.blend_pages")
IN_PROGRAM = ("work.py", "blend")


def bars(say: Say) -> list[Bar]:
    """Measure ranks in py-spy and memray on the live gateway, in scalene on the workload."""
    study = bench_study()
    ranks: dict[str, list[int]] = {"pyspy": [], "memray": [], "scalene": []}
    on_live_gateway(study, f"blend={DOSE}", lambda live: _live(live, ranks, say))
    _standalone(study, ranks, say)
    titles = {
        "pyspy": "py-spy, live",
        "memray": "memray, live",
        "scalene": "scalene, standalone workload, not the gateway",
    }
    return [
        Bar(f"1.both.{name}", f"hot in CPU and allocation: rank 1 in {titles[name]}", sum(r == 1 for r in found), ">=",
            0.95 * RUNS, "of 20", len(found), detail={"ranks": found})
        for name, found in ranks.items()
    ]  # fmt: skip


def _live(live: Live, ranks: dict[str, list[int]], say: Say) -> None:
    for number in range(RUNS):
        ranks["pyspy"].append(_rank(partial(live.sampled, "gil", 2.0), "pyspy", "gil", "samples", PLANTED))
        ranks["memray"].append(_rank(partial(_attached, live), "memray", "alloc", "bytes", PLANTED))
        say(f"  {number + 1}: py-spy {ranks['pyspy'][-1]}, memray {ranks['memray'][-1]}")


def _attached(live: Live) -> ProfileTable:
    memray = Memray("attach")
    return memray.parse(memray.capture(live.target, 0.7, live.folder), live.root)


def _standalone(study: Study, ranks: dict[str, list[int]], say: Say) -> None:
    chosen: Program = program(study)
    for _ in range(RUNS):
        take = partial(chosen.profiled, "blend", Scalene(min_samples=100), 3.0)
        ranks["scalene"].append(_rank(take, "scalene", "cpu", "cpu_percent", IN_PROGRAM))
    say(f"  scalene: {ranks['scalene']}")


def _rank(take: Callable[[], ProfileTable], instrument: str, view: str, metric: str, place: Key) -> int:
    """Return the rank of a place in one capture; 0 when it is not in it, or when there was no capture."""
    table, _ = attempt(take)
    if table is None:
        return 0
    order = own_order(table.by_function(instrument=instrument, view=view, metric=metric, attribution="own"))
    return order.index(place) + 1 if place in order else 0
