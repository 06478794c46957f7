"""Bar 5 on the live gateway: a hot native operator, by py-spy in both views and by scalene on a gateway of its own."""

from __future__ import annotations

from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, on_live_gateway, scalene_on_gateway
from perflab.benches.profiles.outcomes import Look, counted, look_with

ORDER = 8
DOSE, RUNS = 40, 3
NAMED = "upkeep.py:Gains.shape_gain"


def bars(say: Say) -> list[Bar]:
    """Fuse three looks at one gateway, each with a scalene capture of a fresh one."""
    study, plant = bench_study(), f"gain={DOSE}"
    looks: list[Look] = []
    on_live_gateway(study, plant, lambda live: looks.extend(_views(live) for _ in range(RUNS)))
    said = []
    for views in looks:
        scalene = look_with([partial(scalene_on_gateway, study, plant, 4.0)])
        fused = Look(views.tables + scalene.tables, views.problems + scalene.problems)
        said.append(fused.outcome(NAMED))
        say(f"  {said[-1]} {'; '.join(fused.problems)} {[table.health.codes for table in scalene.tables]}")
    seen = counted(said)
    told = ", ".join(f"{count} {name}" for name, count in seen.items())
    return [
        Bar("5.live", f"native operator on the live gateway: looks that failed or name a wrong place ({told})",
            RUNS - seen["right"] - seen["open"], "<=", 0, f"of {RUNS}", len(said), detail={"said": said}),
    ]  # fmt: skip


def _views(live: Live) -> Look:
    return look_with([partial(live.sampled, "gil", 4.0), partial(live.sampled, "cpu", 4.0)])
