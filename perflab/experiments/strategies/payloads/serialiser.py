"""Does another serialiser than FastAPI's encoder and the standard library's json pay?"""

from __future__ import annotations

from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.payloads.content import fill
from perflab.experiments.strategies.payloads.reading import BYTES, PER_S, read

EXPERIMENT = StrategyExperiment(
    key="serialiser",
    strategy="ST-STATE-18",
    title="serialiser of the API",
    arms=("serialiser=orjson", "serialiser=msgspec", "serialiser=msgpack"),
    condition=f"{PER_S:g} reads/s, history, code and templates",
    work=read,
    prepare=fill,
    figures=(BYTES,),
    price="a response that FastAPI does not shape: no field filters or aliases of its models",
    turns="gains with the number of rows in an answer; a record of one row gains nothing that shows",
)
