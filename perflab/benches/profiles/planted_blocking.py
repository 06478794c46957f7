"""Bar 4: a sleep of 3 ms on the event loop is first in the blocking table, with its share of the wall."""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, on_live_gateway
from perflab.instrument.blocking import blocking, blocking_gate

ORDER = 7
DOSE, RUNS, TRIES, WINDOW_S = 30, 10, 20, 4.0
REST = ("upkeep.py", "Rests.settle_frame")


def bars(say: Say) -> list[Bar]:
    """Look at one gateway until ten looks have passed the gate, with both views each time.

    A look that the gate disqualifies (the gateway waited for its core) is counted and says nothing, as in the product.
    """
    ranks: list[int] = []
    errors: list[float] = []
    gates: list[str] = []

    def look(live: Live) -> None:
        for number in range(TRIES):
            if len(ranks) == RUNS:
                return
            tables = [live.sampled("gil", WINDOW_S), live.sampled("wall", WINDOW_S)]
            gate = blocking_gate(tables)
            held = blocking(tables)
            order = list(held)
            gates.append(gate.verdict if gate else "none")
            if gates[-1] == "disqualified":
                say(f"  {number + 1}: disqualified, {gate.reason if gate else ''}")
                continue
            ranks.append(order.index(REST) + 1 if REST in order else 99)
            errors.append(abs(100 * held.get(REST, 0.0) - DOSE))
            say(f"  {number + 1}: rank {ranks[-1]}, {100 * held.get(REST, 0.0):.1f} % of {DOSE} %, {gates[-1]}")

    on_live_gateway(bench_study(), f"rest={DOSE}", look)
    rank, error = (max(ranks), max(errors)) if len(ranks) == RUNS else (None, None)
    detail = {"ranks": ranks, "errors": errors, "gates": gates}
    return [
        Bar("4.rank", "3 ms sleep on the loop: worst rank in the blocking table", rank, "<=", 1, "rank", len(ranks),
            detail=detail),
        Bar("4.share", f"its share of the wall, largest distance from {DOSE} %", error, "<=", 5, "points", len(errors)),
    ]  # fmt: skip
