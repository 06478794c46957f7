"""Does compressing the API's answers pay, and with which coding?"""

from __future__ import annotations

from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.payloads.content import fill
from perflab.experiments.strategies.payloads.reading import BYTES, PER_S, read

EXPERIMENT = StrategyExperiment(
    key="compression",
    strategy="ST-NET-03",
    title="payload compression",
    arms=tuple(f"compression={value}" for value in ("gzip", "zlibng", "isal", "brotli", "zstd", "by_class")),
    condition=f"{PER_S:g} reads/s, history, code and templates, no link between: latency shows the cost alone",
    work=read,
    prepare=fill,
    figures=(BYTES,),
    price="CPU on both sides; an answer must be whole before it is coded; no secret beside foreign text (BREACH)",
    turns="pays in time below the link rate of the break-even figure; always pays in bytes",
)
