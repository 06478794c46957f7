"""Bar 1 with scalene: a hot function in the loaded gateway, a fresh gateway for every capture.

scalene writes when its process ends, so that each of the 20 captures is one launch of gateway, stand-ins and load.
"""

from __future__ import annotations

from typing import Any

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import attempt, hog, own_order, scalene_on_gateway
from perflab.benches.profiles.planted_cpu import DOSE, DUTIES, HOT, MOST_DELAY, RUNS

ORDER = 2
WINDOW_S = 3.0


def bars(say: Say) -> list[Bar]:
    """Launch, capture and rank, with the neighbour of the py-spy half, until 20 captures are within the delay."""
    study = bench_study()
    seen: list[dict[str, Any]] = []
    for number in range(RUNS + 6):
        if len(_counted(seen)) == RUNS:
            break
        duty = DUTIES[number % len(DUTIES)]
        with hog(study.cores.system[0], duty):
            table, problem = attempt(lambda: scalene_on_gateway(study, f"hot={DOSE}", WINDOW_S))
        if table is None:
            seen.append({"rank": None, "problem": problem})
            say(f"  {number + 1}: {problem}")
            continue
        shares = table.by_function(instrument="scalene", view="cpu", attribution="own")
        order = own_order(shares)
        rank = order.index(HOT) + 1 if HOT in order else 0
        seen.append({"rank": rank, "share": round(shares.get(HOT, 0.0), 3), "samples": table.health.n_samples,
                     "delay": round(table.health.run_delay, 3), "duty": duty, "codes": table.health.codes})  # fmt: skip
        say(f"  {number + 1}: rank {rank}, {seen[-1]['share']:.0%}, delay {table.health.run_delay:.2f}")
    counted = _counted(seen)
    first = sum(s["rank"] == 1 for s in counted)
    return [
        Bar("1.scalene", f"hot function at {DOSE} %: rank 1 in scalene, delay up to {MOST_DELAY:.2f}", first, ">=",
            0.95 * RUNS, "of 20", len(counted), detail={"captures": seen}),
    ]  # fmt: skip


def _counted(seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the captures that the bar is about: those within the delay, and those that failed."""
    return [s for s in seen if s["rank"] is None or s["delay"] <= MOST_DELAY]
