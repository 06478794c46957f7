"""Where is session state kept best: the ways of SQLite, PostgreSQL alone or with a replica, Redis?"""

from __future__ import annotations

from functools import partial

from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.state.filling import SESSIONS
from perflab.experiments.strategies.state.per_session import PER_SESSION, weighed_fill
from perflab.experiments.strategies.state.using import PER_S, use

TURNS = 40
EXPERIMENT = StrategyExperiment(
    key="stores",
    strategy="ST-STATE-03",
    title="where session state is kept",
    arms=("store=pooled", "store=wal_batched", "store=write_behind", "store=postgres", "store=redis"),
    strategies={
        "store=postgres": "",  # another server, not another pool: no strategy of the catalogue is that
        "store=wal_batched": "ST-STATE-14",
        "store=write_behind": "ST-STATE-11",
        "store=redis": "ST-CACHE-14",
    },
    condition=f"{PER_S:g} requests/s on the API, four reads to a write, {SESSIONS} sessions of {TURNS} turns; every "
    "store but write_behind syncs before it acknowledges; a store's server on the gateway's core",
    work=use,
    prepare=partial(weighed_fill, turns=TURNS),
    figures=(PER_SESSION,),
    price="a server's CPU and memory are counted, and what the processes grow by for each session filled in (in a file "
    "nothing; PostgreSQL's buffers once for each process that touched them); write_behind loses the last moment in a "
    "crash, and whoever needs an id at once waits for its next commit, up to 0.1 s",
    turns="one gateway needs no server: PostgreSQL and Redis pay when several share the state",
)
