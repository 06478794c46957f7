"""Which HTTP client, and does a pool pay? With few calls at a time, and with many."""

from __future__ import annotations

from functools import partial

from perflab.experiments.strategies.calls.asking import STORE, distinct, warm
from perflab.experiments.strategies.experiment import StrategyExperiment

ARMS = ("http_client=pooled", "http_client=pooled_httpx2", "http_client=pooled_aiohttp")
FEW_PER_S, MANY_PER_S, MANY_S = 50.0, 120.0, 0.65  # the last: what a call takes on average with many
PRICE = "idle sockets; a size to choose; calls on connections that the other side has just closed"

FEW = StrategyExperiment(
    key="client-few",
    strategy="ST-API-02",
    title="client and pool, one call at a time",
    arms=ARMS,
    base=STORE,
    condition=f"{FEW_PER_S:g} requests/s for code from a generator that thinks for 20 ms: about one call at a time, "
    "clear text on one machine",
    conditions={"generator": "const-20"},
    work=partial(distinct, per_s=FEW_PER_S),
    prepare=warm,
    first_s=0.0,
    price=PRICE,
    turns="gains more over TLS and over a longer way, where a connection costs round trips; none for a call a minute",
)
MANY = StrategyExperiment(
    key="client-many",
    strategy="ST-API-02",
    title="client and pool, many calls at a time",
    arms=ARMS,
    base=STORE,
    condition=f"{MANY_PER_S:g} requests/s for code that takes about {1000 * MANY_S:g} ms: about "
    f"{MANY_S * MANY_PER_S:g} calls at a time, clear text on one machine",
    conditions={"generator": "aa-fast"},
    work=partial(distinct, per_s=MANY_PER_S),
    prepare=warm,
    first_s=0.0,
    price=PRICE,
    turns="httpx 0.28 looks through its whole pool for every call: its gain shrinks with the calls at a time until "
    "the pool costs more than the connections that it saves (encode/httpx#3215); httpx2 and aiohttp do not",
)
