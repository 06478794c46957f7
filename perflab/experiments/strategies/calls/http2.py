"""One HTTP/2 connection against a pool of HTTP/1.1 connections."""

from __future__ import annotations

from functools import partial

from perflab.experiments.strategies.calls.asking import POOLED, distinct, warm
from perflab.experiments.strategies.calls.clients import MANY_PER_S, MANY_S
from perflab.experiments.strategies.experiment import StrategyExperiment

EXPERIMENT = StrategyExperiment(
    key="http2",
    strategy="ST-NET-01",
    title="one HTTP/2 connection against a pool",
    arms=("http_client=pooled_http2",),
    base=POOLED,
    condition=f"{MANY_PER_S:g} requests/s for code, about {MANY_S * MANY_PER_S:g} calls at a time, in clear text",
    conditions={"generator": "aa-fast"},
    work=partial(distinct, per_s=MANY_PER_S),
    prepare=warm,
    first_s=0.0,
    price="framing and flow control in Python for every call; one lost packet holds all calls up; the server's GOAWAY "
    "after 1,000 requests must be survived",
    turns="pays where connections are dear (TLS, long ways, few ports) or limited in number, not between neighbours",
)
