"""Bar 1 with scalene: a hot function in the loaded gateway, a fresh gateway for every capture.

scalene writes when its process ends, so that each of the 20 captures is one launch of gateway, stand-ins and load.
"""

from __future__ import annotations

from typing import Any

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import attempt, own_order, scalene_on_gateway
from perflab.benches.profiles.planted_cpu import DOSE, HOT, MOST_DELAY, RUNS

ORDER = 2
WINDOW_S = 3.0


def bars(say: Say) -> list[Bar]:
    """Launch, capture and rank 20 times."""
    study = bench_study()
    seen: list[dict[str, Any]] = []
    for number in range(RUNS):
        table, problem = attempt(lambda: scalene_on_gateway(study, f"hot={DOSE}", WINDOW_S))
        if table is None:
            seen.append({"rank": None, "problem": problem})
            say(f"  {number + 1}: {problem}")
            continue
        shares = table.by_function(instrument="scalene", view="cpu", attribution="own")
        order = own_order(shares)
        rank = order.index(HOT) + 1 if HOT in order else 0
        seen.append({"rank": rank, "share": round(shares.get(HOT, 0.0), 3), "samples": table.health.n_samples,
                     "delay": round(table.health.run_delay, 3), "codes": table.health.codes})  # fmt: skip
        say(f"  {number + 1}: rank {rank}, {seen[-1]['share']:.0%}, delay {table.health.run_delay:.2f}")
    first = sum(s["rank"] == 1 and s["delay"] <= MOST_DELAY for s in seen)
    return [
        Bar("1.scalene", f"hot function at {DOSE} %: rank 1 in scalene, delay up to {MOST_DELAY:.2f}", first, ">=",
            0.95 * RUNS, "of 20", len(seen), detail={"captures": seen}),
    ]  # fmt: skip
