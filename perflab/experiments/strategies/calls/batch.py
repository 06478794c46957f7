"""Does it pay to wait a few milliseconds and send calls together?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from perflab.experiments.strategies.calls.asking import CALLS, POOLED, distinct, in_crowds, warm
from perflab.experiments.strategies.experiment import StrategyExperiment

BUSY_PER_S, QUIET_PER_S = 160.0, 25.0
CROWDS_PER_S, CROWD = 20.0, 8  # as many requests as when busy, eight at once
PRICE = (
    "5 ms of waiting for the first of a batch, the slowest item's time for all, a whole batch lost with a connection"
)
TURNS = "pays only where several calls come within the 5 ms: rate x 0.005 well above 1, or callers that come in bursts"

BUSY = StrategyExperiment(
    key="batch-busy",
    strategy="ST-API-01",
    title="calls in batches, busy",
    arms=("batch=on",),
    base=POOLED,
    condition=f"{BUSY_PER_S:g} requests/s for code that takes 20 ms: {BUSY_PER_S * 0.005:.1g} further calls in 5 ms",
    conditions={"generator": "const-20"},
    work=partial(distinct, per_s=BUSY_PER_S),
    prepare=warm,
    first_s=0.0,
    figures=(CALLS,),
    price=PRICE,
    turns=TURNS,
)
QUIET = replace(
    BUSY,
    key="batch-quiet",
    title="calls in batches, quiet",
    condition=f"{QUIET_PER_S:g} requests/s for code that takes 20 ms: {QUIET_PER_S * 0.005:.1g} further calls in 5 ms",
    work=partial(distinct, per_s=QUIET_PER_S),
)
CROWDS = replace(
    BUSY,
    key="batch-crowds",
    title="calls in batches, in crowds",
    condition=f"{CROWDS_PER_S:g} crowds/s of {CROWD} requests at once for code that takes 20 ms",
    work=partial(in_crowds, per_s=CROWDS_PER_S, size=CROWD),
)
