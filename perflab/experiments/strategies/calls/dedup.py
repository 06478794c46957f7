"""Do calls with equal prompts pay as one?"""

from __future__ import annotations

from perflab.experiments.strategies.calls.asking import POOLED, UPSTREAM, at_open_arrivals, fresh_prompts, warm
from perflab.experiments.strategies.experiment import StrategyExperiment, Target, Work

PER_S = 80.0
REPEATS = 0.5  # of the requests ask for one of the prompts that are in fashion
FASHION = 2


async def repeated(target: Target) -> Work:
    """Ask for code; half of the requests are for two prompts that everybody wants just now."""
    prompts = fresh_prompts(target, int(PER_S * target.seconds * 2 + 100))
    wanted = target.rng.random(len(prompts)) < REPEATS
    which = target.rng.integers(0, FASHION, len(prompts))
    prompts = [prompts[which[i]] if wanted[i] else prompt for i, prompt in enumerate(prompts)]
    return await at_open_arrivals(target, PER_S, prompts)


EXPERIMENT = StrategyExperiment(
    key="dedup",
    strategy="ST-API-03",
    title="equal calls at the same time share one",
    arms=("dedup=on",),
    base=POOLED,
    condition=f"{PER_S:g} requests/s for code that takes about 120 ms; {REPEATS:.0%} ask for one of {FASHION} prompts",
    work=repeated,
    prepare=warm,
    first_s=0.0,
    figures=(UPSTREAM,),
    price="a failure is shared by all who wait for it; the key must hold everything that the answer depends on",
    turns="saves nothing where equal prompts do not meet: share saved = 1 - 1 / (1 + rate of the prompt x its time)",
)
