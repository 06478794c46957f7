"""Bar 1 with py-spy: a hot function in the loaded gateway, quiet and with a busy neighbour; smaller doses listed.

One gateway is launched per dose: the large one is looked at in many short captures, each smaller one in a long one.
"""

from __future__ import annotations

from typing import Any

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, attempt, hog, on_live_gateway, own_order
from perflab.experiments.study import Study
from perflab.instrument.ranking import rank
from perflab.instrument.table import Health

ORDER = 1
HOT = ("housekeeping.py", "Levels.refresh_levels")
DOSE, RUNS, WINDOW_S = 40, 20, 2.0
LONG_S = 40.0  # of a small dose: its work comes in stretches of several samples, so that they count for fewer
MOST_DELAY = 0.30
DUTIES = (0.0, 0.0, 0.15, 0.3)  # of the neighbour on the gateway's core, in turn
SMALL_DOSES = (5, 10, 20)  # per cent of CPU: listed, with a share that is about right


def bars(say: Say) -> list[Bar]:
    """Measure the ranks at the large dose, then the shares at the small ones."""
    study = bench_study()
    seen: list[dict[str, Any]] = []
    on_live_gateway(study, f"hot={DOSE}", lambda live: _captures(live, seen, say))
    counted = [s for s in seen if s["rank"] is None or s["delay"] <= MOST_DELAY][:RUNS]
    first = sum(s["rank"] == 1 for s in counted)
    return [
        Bar("1.pyspy", f"hot function at {DOSE} %: rank 1 in py-spy, delay up to {MOST_DELAY:.2f}", first, ">=",
            0.95 * RUNS, "of 20", len(counted), detail={"captures": seen}),
        *(_small(study, dose, say) for dose in SMALL_DOSES),
    ]  # fmt: skip


def _captures(live: Live, seen: list[dict[str, Any]], say: Say) -> None:
    for number in range(RUNS + 6):
        duty = DUTIES[number % len(DUTIES)]
        with hog(live.core, duty):
            table, problem = attempt(lambda: live.sampled("gil", WINDOW_S))
        if table is None:
            seen.append({"rank": None, "problem": problem, "delay": 0.0})
            continue
        shares = table.by_function(instrument="pyspy", view="gil", attribution="own")
        order = own_order(shares)
        place = order.index(HOT) + 1 if HOT in order else 0
        health = table.health
        seen.append({"rank": place, "share": round(shares.get(HOT, 0.0), 3), "delay": round(health.run_delay, 3),
                     "samples": health.n_samples, "duty": duty})  # fmt: skip
        say(f"  {number + 1}: rank {place}, {seen[-1]['share']:.0%}, delay {health.run_delay:.2f}")
        if sum(s["delay"] <= MOST_DELAY for s in seen) >= RUNS:
            return


def _small(study: Study, dose: int, say: Say) -> Bar:
    found: list[tuple[float, Health, bool]] = []

    def look(live: Live) -> None:
        table = live.sampled("gil", LONG_S)
        shares = table.by_function(instrument="pyspy", view="gil", attribution="own")
        listed = any((row.file, row.function) == HOT for row in rank([table]).rows)
        found.append((100 * shares.get(HOT, 0.0), table.health, listed))

    say(f"  a dose of {dose} % ...")
    on_live_gateway(study, f"hot={dose}", look)
    share, health, listed = found[0]
    most = min(5.0, dose / 2)  # within 5 points of 5 % would be anything from nothing
    return Bar(f"1.dose{dose}", f"hot function at {dose} %: listed in the ranking, error of its share",
               abs(share - dose) if listed else None, "<=", most, "points", health.n_samples,
               detail={"share": share, "listed": listed, "kernel": 100 * health.kernel_share})  # fmt: skip
