"""Does a read replica pay beside one gateway on one machine?"""

from __future__ import annotations

from functools import partial

from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.state.filling import SESSIONS, fill
from perflab.experiments.strategies.state.using import PER_S, use

TURNS = 40
EXPERIMENT = StrategyExperiment(
    key="replica",
    strategy="ST-STATE-04",
    title="reads by a replica",
    arms=("store=postgres_split",),
    base="baseline+store=postgres",
    condition=f"{PER_S:g} requests/s on the API, four reads to a write, {SESSIONS} sessions of {TURNS} turns; primary "
    "and replica share the gateway's core",
    work=use,
    prepare=partial(fill, turns=TURNS),
    price="a second server, its memory and its replay of every write; reads of others' writes as old as the lag",
    turns="pays where reads fill the primary and the replica has cores of its own, or stands nearer to its readers",
)
