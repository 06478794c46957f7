"""Bar 4: a sleep of 3 ms on the event loop is first in the blocking table, with its share of the wall."""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, on_live_gateway
from perflab.instrument.blocking import blocking, blocking_gate

ORDER = 7
DOSE, RUNS, WINDOW_S = 30, 10, 4.0
REST = ("upkeep.py", "Rests.settle_frame")


def bars(say: Say) -> list[Bar]:
    """Look at one gateway ten times, with both views each time."""
    ranks: list[int] = []
    errors: list[float] = []
    gates: list[str] = []

    def look(live: Live) -> None:
        for number in range(RUNS):
            tables = [live.sampled("gil", WINDOW_S), live.sampled("wall", WINDOW_S)]
            gate = blocking_gate(tables)
            held = blocking(tables)
            order = list(held)
            ranks.append(order.index(REST) + 1 if REST in order else 99)
            errors.append(abs(100 * held.get(REST, 0.0) - DOSE))
            gates.append(gate.verdict if gate else "none")
            say(f"  {number + 1}: rank {ranks[-1]}, {100 * held.get(REST, 0.0):.1f} % of {DOSE} %, {gates[-1]}")

    on_live_gateway(bench_study(), f"rest={DOSE}", look)
    detail = {"ranks": ranks, "errors": errors, "gates": gates}
    return [
        Bar("4.rank", "3 ms sleep on the loop: worst rank in the blocking table", max(ranks), "<=", 1, "rank",
            len(ranks), detail=detail),
        Bar("4.share", f"its share of the wall, largest distance from {DOSE} %", max(errors), "<=", 5, "points",
            len(errors)),
    ]  # fmt: skip
