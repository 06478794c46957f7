"""Bar 3, second half: 20 pairs of windows on a clean gateway name no leak above 20 KB/s."""

from __future__ import annotations

import time

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, on_live_gateway
from perflab.benches.profiles.planted_leak import WINDOW_S, two_windows
from perflab.errors import InstrumentFailure

ORDER = 6
SHORT_S = 1.0
# length of the shorter window, and whether Python's own allocators are traced: the windows of detection come first
KINDS = (*[(WINDOW_S, False)] * 3, *[(WINDOW_S, True)] * 3, *[(SHORT_S, True)] * 4, *[(SHORT_S, False)] * 10)
RUNS = len(KINDS)
MOST_S = 265.0  # no look begins later: the load ends after 290 s
LEAST = 20_000.0


def bars(say: Say) -> list[Bar]:
    """Attach 20 times to one gateway under load, at two windows each, in four kinds."""
    false: list[list[str]] = []

    def look(live: Live) -> None:
        began = time.monotonic()
        for number, (window_s, small) in enumerate(KINDS):
            if time.monotonic() - began > MOST_S:
                say(f"  no time left for {RUNS - number} runs")
                return
            try:
                growth, took = two_windows(live, small, window_s)
            except InstrumentFailure as error:
                say(f"  {number + 1}: {error}")
                continue
            found = [f"{g.file}:{g.function}:{g.line} {g.rate / 1e3:.0f} kB/s" for g in growth
                     if g.verdict == "leak" and g.rate > LEAST]  # fmt: skip
            false.append(found)
            say(f"  {number + 1}: {found or 'nothing'} in {took:.0f} s")

    on_live_gateway(bench_study(), "", look, variant="optimised")
    wrong = sum(bool(found) for found in false)
    title = f"clean runs with a leak above 20 KB/s, in {RUNS}: 6 at the windows of detection, 7 with small objects"
    return [
        Bar("3.clean", title, wrong if len(false) == RUNS else None, "<=",
            0, "runs", len(false), detail={"found": false}),
    ]  # fmt: skip
