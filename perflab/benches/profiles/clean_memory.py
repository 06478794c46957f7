"""Bar 3, second half: 20 pairs of windows on a clean gateway name no leak above 20 KB/s."""

from __future__ import annotations

import time
from functools import partial

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, on_live_gateway
from perflab.benches.profiles.planted_leak import WINDOW_S, two_windows
from perflab.errors import InstrumentFailure
from perflab.experiments.effort import GROWTH_S

ORDER = 6
# Lengths of the shorter window as the product has them, each on a gateway of its own; half of the looks trace Python's
# own allocators. Shorter ones are no use: of 14 clean looks at 1 and 2 s eight named frames in flight.
WINDOWS_S = (WINDOW_S, GROWTH_S)
LOOKS = 10
RUNS = LOOKS * len(WINDOWS_S)
MOST_S = 265.0  # no look begins later: the load ends after 290 s
LEAST = 20_000.0


def bars(say: Say) -> list[Bar]:
    """Attach ten times to each of two gateways under load, at two windows each time."""
    false: list[list[str]] = []

    def look(window_s: float, live: Live) -> None:
        began = time.monotonic()
        for number in range(LOOKS):
            if time.monotonic() - began > MOST_S:
                say(f"  no time left for {LOOKS - number} runs")
                return
            try:
                growth, took = two_windows(live, number % 2 == 1, window_s)
            except InstrumentFailure as error:
                say(f"  {number + 1}: {error}")
                continue
            found = [f"{g.file}:{g.function}:{g.line} {g.rate / 1e3:.0f} kB/s" for g in growth
                     if g.verdict == "leak" and g.rate > LEAST]  # fmt: skip
            false.append(found)
            say(f"  {len(false)}: {found or 'nothing'} in {took:.0f} s")

    study = bench_study()
    for window_s in WINDOWS_S:
        on_live_gateway(study, "", partial(look, window_s), variant="optimised")
    wrong = sum(bool(found) for found in false)
    title = f"clean runs with a leak above 20 KB/s, in {RUNS} at the windows of detection, half with small objects"
    return [
        Bar("3.clean", title, wrong if len(false) == RUNS else None, "<=",
            0, "runs", len(false), detail={"found": false}),
    ]  # fmt: skip
