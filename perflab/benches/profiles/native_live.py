"""Bar 5 on the live gateway: a hot native operator, by py-spy in both views and by scalene on a gateway of its own."""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, attempt, on_live_gateway, scalene_on_gateway
from perflab.benches.profiles.native_operator import verdict
from perflab.instrument.table import ProfileTable

ORDER = 8
DOSE, RUNS = 40, 3
NAMED = "upkeep.py:Gains.shape_gain"


def bars(say: Say) -> list[Bar]:
    """Fuse three looks at one gateway, each with a scalene capture of a fresh one."""
    study, plant = bench_study(), f"gain={DOSE}"
    looks: list[list[ProfileTable]] = []
    on_live_gateway(study, plant, lambda live: looks.extend(_views(live) for _ in range(RUNS)))
    said = []
    for tables in looks:
        table, problem = attempt(lambda: scalene_on_gateway(study, plant, 4.0))
        said.append(verdict([*tables, *([table] if table else [])], NAMED))
        say(f"  {said[-1]} {problem} {table.health.codes if table else ''}")
    return [
        Bar("5.live", "native operator on the live gateway: wrong first places", said.count("wrong"), "<=", 0,
            f"of {RUNS}", len(said), detail={"said": said}),
    ]  # fmt: skip


def _views(live: Live) -> list[ProfileTable]:
    return [live.sampled("gil", 4.0), live.sampled("cpu", 4.0)]
