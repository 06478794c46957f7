"""How many requests a minute the API takes: open arrivals at rising rates, timed from when each request was due."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from perflab.experiments.strategies.arm import Arm, cpu_now, started
from perflab.experiments.strategies.arrivals import Arrivals, open_arrivals
from perflab.experiments.strategies.experiment import Target
from perflab.experiments.strategies.payloads.compression import EXPERIMENT
from perflab.experiments.strategies.payloads.content import SESSIONS
from perflab.experiments.strategies.rate_ladder import PARTS, answered_per_min, climbed, knee_of, rounded_quantile
from perflab.experiments.study import Study
from perflab.experiments.units_of_work import quantile
from perflab.findings.finding import TrustCheck
from perflab.findings.trust import generator_cpu, generator_late, nothing_lost
from perflab.stats.interval import Interval

# The bar of the optimised variant; complex requests wait for the code generator's think time and have their own limit.
JUDGED_PER_MIN, LIMIT_MS, COMPLEX_LIMIT_MS = 6_000, 100.0, 2_000.0
RUNGS_PER_MIN = (6_000, 12_000, 24_000, 48_000, 72_000, 96_000)
STEEP_FROM = 24_000  # where a climb that asks for the knee alone begins
FAILED_SHARE = 0.01
QUICK_S, FULL_S = (14.0, 3.0), (120.0, 20.0)  # of the judged rung and of the others
WARM_UP_S = 1.0
LANGUAGES = ("python", "typescript", "rust", "go")
# Nine simple requests to one complex one, as the load file's programs have them.
MIX = (
    ("get_session", "simple", 3.0), ("list_history", "simple", 3.0), ("list_code", "simple", 1.0),
    ("get_template", "simple", 1.0), ("create_session", "simple", 1.0), ("generate_code", "complex", 0.7),
    ("summarise_session", "complex", 0.3),
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One request, drawn and ready to send."""

    tag: str
    method: str
    path: str
    body: dict[str, Any] | None = None


@dataclass
class Rung:
    """What one rate met; latencies in ms of answered requests in order of when they were due, by tag."""

    variant: str
    per_min: int
    seconds: float
    met: Arrivals
    latency_ms: dict[str, np.ndarray]
    ended_s: np.ndarray
    cpu_percent: float
    generator_percent: float
    p95: Interval | None = field(init=False)  # of the simple requests

    def __post_init__(self) -> None:
        self.p95 = quantile(self.latency_ms["simple"], 0.95)

    @property
    def sent(self) -> int:
        """How many requests were due."""
        return self.met.latency_ms.size + self.met.failed

    @property
    def held(self) -> bool:
        """Whether p95 of simple requests is surely below its limit, that of complex ones below theirs, and few fail."""
        slow = self.latency_ms["complex"]
        in_time = not slow.size or np.quantile(slow, 0.95) < COMPLEX_LIMIT_MS
        few_fail = self.met.failed <= FAILED_SHARE * self.sent
        return bool(few_fail and in_time and self.p95 is not None and (self.p95.high or np.inf) < LIMIT_MS)

    @property
    def checks(self) -> tuple[TrustCheck, ...]:
        """Whether the client kept its schedule and had CPU to spare, and whether few requests failed."""
        late = float(np.quantile(self.met.late_ms, 0.99)) if self.met.late_ms.size else float("nan")
        return (
            generator_late(late, self.sent, "requests"),
            generator_cpu(self.generator_percent / 100),
            nothing_lost(self.met.failed, self.sent, "requests", limit=FAILED_SHARE),
        )

    def rate(self) -> Interval | None:
        """Return the answered requests a minute, bounded from equal parts of the rung; None when all are alike."""
        return answered_per_min(self.ended_s, self.seconds, max(PARTS, int(self.seconds)))

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        p95 = self.p95
        return {
            "variant": self.variant, "requests/min asked": f"{self.per_min:,}", "held": "yes" if self.held else "no",
            "n": self.sent, "failed": self.met.failed,
            "simple p50 (ms)": rounded_quantile(self.latency_ms["simple"], 0.5),
            "simple p95 (ms)": round(p95.value, 2) if p95 else None,
            "95 % interval": f"{p95.low:.2f} to {p95.high:.2f}" if p95 and p95.low and p95.high else "",
            "complex p95 (ms)": rounded_quantile(self.latency_ms["complex"], 0.95),
            "gateway CPU (%)": round(self.cpu_percent), "client CPU (%)": round(self.generator_percent),
        }  # fmt: skip


def draw(rng: np.random.Generator, count: int) -> list[Request]:
    """Draw requests of the mix."""
    weights = np.array([weight for _, _, weight in MIX])
    kinds = rng.choice(len(MIX), count, p=weights / weights.sum())
    return [_request(MIX[kind][0], MIX[kind][1], rng, number) for number, kind in enumerate(kinds)]


def _request(name: str, tag: str, rng: np.random.Generator, number: int) -> Request:
    session = int(rng.integers(1, SESSIONS + 1))
    if name == "create_session":
        return Request(tag, "POST", "/api/sessions", {"user": f"visitor {number % 1000}"})
    if name == "generate_code":
        language = LANGUAGES[int(rng.integers(len(LANGUAGES)))]
        return Request(tag, "POST", "/api/code", {"prompt": f"piece {rng.integers(200)}", "language": language})
    if name == "summarise_session":
        return Request(tag, "POST", f"/api/sessions/{session}/summary")
    paths = {
        "get_session": f"/api/sessions/{session}",
        "list_history": f"/api/sessions/{session}/history?limit=20",
        "list_code": f"/api/sessions/{session}/code?limit=5",
        "get_template": "/api/templates/assistant",
    }
    return Request(tag, "GET", paths[name])


def climb(
    study: Study, variant: str, judged_first: bool = True, below: Sequence[tuple[int, float]] = ()
) -> tuple[Rung, ...]:
    """Start a variant and raise the rate until a rung does not hold; without `judged_first` only for the knee.

    `below`: rates a minute with their seconds that are asked before the ladder, and end no climb.
    """
    long_s, short_s = QUICK_S if study.quick else FULL_S
    long_s = max(long_s * study.time_scale, 12.0)
    folder = study.run.folder("trials") / f"23-knee-{variant.replace('=', '-').replace('+', '-')}"
    rates = RUNGS_PER_MIN if judged_first else RUNGS_PER_MIN[RUNGS_PER_MIN.index(STEEP_FROM) :]
    with started(study, replace(EXPERIMENT, key="knee"), "knee", variant, folder) as arm:
        _rung(study, arm, RUNGS_PER_MIN[0] // 4, WARM_UP_S, 0)
        asked = [_rung(study, arm, *rung, number) for number, rung in enumerate(below, len(RUNGS_PER_MIN) + 1)]

        def ask(per_min: int) -> Rung:
            number = RUNGS_PER_MIN.index(per_min) + 1
            seconds = long_s if judged_first and per_min == JUDGED_PER_MIN else max(short_s * study.time_scale, 2.0)
            study.progress(f"knee of {variant}", number - 1, len(RUNGS_PER_MIN), f"{per_min:,} requests/min")
            return _rung(study, arm, per_min, seconds, number)

        return (*asked, *climbed(rates, ask))


def _rung(study: Study, arm: Arm, per_min: int, seconds: float, number: int) -> Rung:
    rng = np.random.default_rng([study.seed, number])
    target = Target(arm.running.endpoints, arm.running, arm.client, rng, seconds, number, arm.running.variant)
    return arm.loop.run(_arrive(target, per_min))


async def _arrive(target: Target, per_min: int) -> Rung:
    per_s = per_min / 60
    requests = draw(target.rng, int(per_s * target.seconds * 2 + 100))
    ended: list[float] = []
    begin, own, before = time.perf_counter(), time.process_time(), cpu_now(target.running)

    async def send(i: int) -> bool:
        asked = requests[i]
        async with target.client.request(asked.method, target.api + asked.path, json=asked.body) as answer:
            await answer.read()
        if answer.status >= 400:
            return False
        ended.append(time.perf_counter() - begin)  # of answered requests alone: a refusal is no throughput
        return True

    met = await open_arrivals(target.rng, per_s, target.seconds, send)
    wall = time.perf_counter() - begin
    spent = sum(max(now - before.get(pid, 0.0), 0.0) for pid, now in cpu_now(target.running).items())
    tags = np.array([requests[i].tag for i in met.answered])
    latency = {tag: met.latency_ms[tags == tag] for tag in ("simple", "complex")}
    return Rung(target.variant.name, per_min, target.seconds, met, latency, np.array(ended), 100 * spent / wall,
                100 * (time.process_time() - own) / wall)  # fmt: skip


def knee_sentence(rungs: Sequence[Rung]) -> str:
    """Say what the highest rung is that holds, by variant."""
    parts = []
    for variant in dict.fromkeys(rung.variant for rung in rungs):
        mine = [rung for rung in rungs if rung.variant == variant]
        held, broken = knee_of(mine)
        top = f"holds {held.per_min:,}/min" if held else _none_held(mine[0])
        at = f" (p95 {held.p95.value:.1f} ms, n = {held.sent:,})" if held and held.p95 else ""
        misses = ", not" if held else " and misses"
        fails = f"{misses} {broken.per_min:,}/min{_why(broken)}" if broken else ", the highest rung asked"
        parts.append(f"{variant} {top}{at}{fails}")
    return f"With p95 of simple requests under {LIMIT_MS:g} ms: {'; '.join(parts)}."


def _none_held(first: Rung) -> str:
    """Say that no rung held; a climb that began high says nothing of the rungs below."""
    if first.per_min > RUNGS_PER_MIN[0]:
        return f"was not asked below {first.per_min:,}/min"
    return "holds no rung"


def _why(rung: Rung) -> str:
    if not rung.checks[0].passed:
        return " (where the client could not keep its schedule: the API may take more)"
    return f" (p95 {rung.p95.value:,.0f} ms, {rung.met.failed} failed)" if rung.p95 else f" ({rung.met.failed} failed)"
