"""The targets on state access, judged on the running gateway by open arrivals of reads and writes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from perflab.experiments.conclude.one_load import Figure, Load, judge_at
from perflab.experiments.strategies.arm import Arm, started
from perflab.experiments.strategies.arrivals import Arrivals, open_arrivals
from perflab.experiments.strategies.experiment import Target
from perflab.experiments.strategies.rate_ladder import answered_per_min, rounded_quantile
from perflab.experiments.strategies.state.filling import SESSIONS, fill
from perflab.experiments.strategies.state.stores import EXPERIMENT
from perflab.experiments.study import Study
from perflab.experiments.units_of_work import quantile
from perflab.findings.finding import Finding, TrustCheck
from perflab.findings.trust import generator_late, nothing_lost
from perflab.stats.interval import Interval

TARGETS = (("S4-LAT-3a", "read"), ("S4-LAT-3b", "write"), ("S4-THR-4", "rate"))
RATE = "queries/min"
PER_MIN = 12_000  # a fifth above what is asked for, so that a minute's chance does not decide
WRITES, TURNS = 0.2, 40
QUICK_S, FULL_S, SHORTEST_S, WARM_UP_S = 14.0, 120.0, 12.0, 1.0
FAILED = 0.01  # more unanswered than this and the 95th percentile of the answered says little
AT_API = (
    "timed by a client of the gateway's API, from when the access was due: the gateway's HTTP is in it, so it is an "
    "upper bound on the store's own time (its knee, beside it, is asked of the store itself)"
)


@dataclass(frozen=True)
class StateSeen:
    """What the accesses met; `is_read` bool and `ended_s` float64 go with the answered ones, in order."""

    variant: str
    durability: str
    seconds: float
    met: Arrivals
    is_read: np.ndarray
    ended_s: np.ndarray = field(repr=False)

    @cached_property
    def checks(self) -> tuple[TrustCheck, ...]:
        """Whether the client kept its schedule, and whether almost all was answered: only that has a time."""
        sent = self.met.latency_ms.size + self.met.failed
        return (
            generator_late(float(np.quantile(self.met.late_ms, 0.99)), sent, "accesses"),
            nothing_lost(self.met.failed, sent, "requests", limit=FAILED),
        )

    def interval(self, what: str) -> Interval | None:
        """Return p95 of reads or writes in ms, or answered accesses a minute; None where they are too few."""
        if what == "rate":
            return answered_per_min(self.ended_s, self.seconds)
        return quantile(self.met.latency_ms[self.is_read == (what == "read")], 0.95)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for reads and one for writes."""
        return [
            {
                "accesses": f"{what}s",
                "n": int((self.is_read == (what == "read")).sum()),
                "failed": self.met.failed,
                "p50 (ms)": rounded_quantile(self.met.latency_ms[self.is_read == (what == "read")], 0.5),
                "p95 (ms)": rounded_quantile(self.met.latency_ms[self.is_read == (what == "read")], 0.95),
                "durability": self.durability,
            }
            for what in ("read", "write")
        ]


def access(study: Study) -> StateSeen:
    """Start the judged variant and send it accesses, four reads to a write, at a fifth above the rate asked for."""
    variant = study.system.judge
    length = QUICK_S if study.quick else max(FULL_S * study.time_scale, SHORTEST_S)
    experiment = replace(EXPERIMENT, key="state-targets", prepare=partial(fill, turns=TURNS))
    study.progress("state targets", 0, 1, f"{PER_MIN:,} accesses/min on {variant}", length + 5)
    with started(study, experiment, "state-targets", variant, study.run.folder("trials") / "24-state-targets") as arm:
        _drive(study, arm, WARM_UP_S, 0)
        return _drive(study, arm, length, 1)


def _drive(study: Study, arm: Arm, seconds: float, number: int) -> StateSeen:
    rng = np.random.default_rng([study.seed, 24, number])
    target = Target(arm.endpoints, arm.running, arm.client, rng, seconds, number, arm.running.variant)
    return arm.loop.run(_accesses(target))


async def _accesses(target: Target) -> StateSeen:
    count = int(PER_MIN / 60 * target.seconds * 2 + 100)
    draws, sessions = target.rng.random(count), target.rng.integers(1, SESSIONS + 1, size=count)
    ended: list[float] = []
    async with target.client.get(f"{target.api}/healthz") as answer:
        durability = str((await answer.json())["durability"])
    begin = time.perf_counter()

    async def send(i: int) -> bool:
        if draws[i] < WRITES:
            request = target.client.post(f"{target.api}/api/sessions", json={"user": f"user of {i}"})
        else:
            request = target.client.get(f"{target.api}/api/sessions/{sessions[i]}")
        async with request as answer:
            await answer.read()
        served = bool(answer.status < 400)
        if served:  # a refusal is no answer: it must not count towards the rate
            ended.append(time.perf_counter() - begin)
        return served

    met = await open_arrivals(target.rng, PER_MIN / 60, target.seconds, send)
    is_read = np.array([draws[i] >= WRITES for i in met.answered])
    return StateSeen(target.variant.name, durability, target.seconds, met, is_read, np.array(ended))


def state_sentence(seen: StateSeen) -> str:
    """Say what reads and writes took at the rate asked for."""
    read, write = (seen.interval(what) for what in ("read", "write"))
    said = [f"{word} p95 {i.value:.1f} ms" for word, i in (("read", read), ("write", write)) if i]
    return (
        f"{seen.variant} under {PER_MIN:,} accesses/min, four reads to a write: {', '.join(said) or 'too few'} "
        f"({seen.durability}; {seen.met.failed} of {seen.met.latency_ms.size + seen.met.failed:,} failed)."
    )


def state_targets(study: Study, seen: StateSeen) -> list[Finding]:
    """Judge the catalogue's targets on state access; one that the system's catalogue lacks is left out."""
    load = Load(seen.variant, "state access", PER_MIN, "accesses", seen.checks, (AT_API,))
    return judge_at(study, load, [_figure(seen, name, what) for name, what in TARGETS])


def _figure(seen: StateSeen, name: str, what: str) -> Figure:
    if what == "rate":
        return Figure(name, seen.interval(what), RATE, seen.is_read.size, rate=True)
    answered = int((seen.is_read == (what == "read")).sum())
    return Figure(name, seen.interval(what), "ms", answered, few=f"{answered} {what}s are too few")
