"""Bar 3, second half: 20 pairs of windows on a clean gateway name no leak above 20 KB/s."""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, on_live_gateway
from perflab.benches.profiles.planted_leak import two_windows
from perflab.errors import InstrumentFailure

ORDER = 6
RUNS, WINDOWS_S = 20, (1.5, 3.0)
LEAST = 20_000.0


def bars(say: Say) -> list[Bar]:
    """Attach 20 times to one gateway under load, at two windows each."""
    false: list[list[str]] = []

    def look(live: Live) -> None:
        for number in range(RUNS):
            try:
                growth, took = two_windows(live, windows=WINDOWS_S)
            except InstrumentFailure as error:
                say(f"  {number + 1}: {error}")
                continue
            found = [f"{g.file}:{g.function}:{g.line} {g.rate / 1e3:.0f} kB/s" for g in growth
                     if g.verdict == "leak" and g.rate > LEAST]  # fmt: skip
            false.append(found)
            say(f"  {number + 1}: {found or 'nothing'} in {took:.0f} s")

    on_live_gateway(bench_study(), "", look, variant="optimised")
    wrong = sum(bool(found) for found in false)
    return [
        Bar("3.clean", f"clean runs with a leak above 20 KB/s, in {RUNS}", wrong if len(false) == RUNS else None, "<=",
            0, "runs", len(false), detail={"found": false}),
    ]  # fmt: skip
