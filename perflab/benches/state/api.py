"""The optimised gateway's API under open arrivals: in time at 1,000 and at 6,000 requests a minute, and its knee."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from perflab.benches.bar import Bar, measured
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.experiments.api_streaming.knee import JUDGED_PER_MIN, LIMIT_MS, Rung, climb, knee_sentence
from perflab.experiments.units_of_work import quantile
from perflab.findings.trust import vetoes
from perflab.runs import concluded
from perflab.stats.interval import Interval

ORDER = 50
ASKED_PER_MIN, SIMPLE_MS, COMPLEX_MS = 1_000, 500.0, 2_000.0
OFFERED_PER_MIN = 1_200  # a fifth above what is asked for, so that a minute's chance does not decide
ASKED_S = 75.0  # so long that p95 of the complex requests, a tenth of all, has its interval


def bars(say: Say) -> list[Bar]:
    """Measure at the asked rate, then climb the ladder of `23_api_streaming` until a rung does not hold."""
    study = bench_study()
    with concluded(study.run):
        asked, *ladder = climb(study, study.system.judge, below=((OFFERED_PER_MIN, ASKED_S),))
    say(f"  {knee_sentence(ladder)}")
    return [*asked_bars(asked), knee_bar(ladder)]


def asked_bars(rung: Rung) -> list[Bar]:
    """Return the bars of the asked rate; late answers support no rate, so that it is 0 where a latency is missed."""
    title = f"{rung.variant}, {rung.per_min:,} requests/min offered"
    late = [
        _bar(f"api-1k-{tag}", f"{title}: {tag} p95", rung, quantile(rung.latency_ms[tag], 0.95), "<", limit, "ms")
        for tag, limit in (("simple", SIMPLE_MS), ("complex", COMPLEX_MS))
    ]
    rate = _bar("api-1k-rate", f"{title}: answered in time", rung, rung.rate(), ">=", ASKED_PER_MIN, "requests/min")
    unknown = [bar.id for bar in late if bar.value is None]
    missed = [bar.id for bar in late if bar.value is not None and not bar.holds]
    if rate.value is not None and missed:
        rate = replace(rate, value=0.0, interval=None, detail=rate.detail | {"late": missed})
    elif rate.value is not None and unknown:
        rate = _without_value(rate, f"whether in time is not known: {', '.join(unknown)} has no value")
    return [rate, *late]


def knee_bar(ladder: Sequence[Rung]) -> Bar:
    """Return the bar of 6,000 requests a minute, the first rung of the ladder; the highest that held is its detail."""
    first = ladder[0]
    held = [rung.per_min for rung in ladder if rung.held]
    title = f"{first.variant}, {JUDGED_PER_MIN:,} requests/min offered: simple p95"
    bar = _bar("api-6k-p95", title, first, first.p95, "<", LIMIT_MS, "ms")
    told = {"knee_per_min": max(held, default=None), "knee": knee_sentence(ladder)}
    return replace(bar, detail=bar.detail | told)


def _bar(id: str, title: str, rung: Rung, seen: Interval | None, operator: str, limit: float, unit: str) -> Bar:
    """Return a bar of a rung; without value where a check of the rung vetoes it, or where it has no interval."""
    reasons = [f"{check.name}: {check.observed} (limit: {check.limit})" for check in vetoes(rung.checks)]
    if seen is not None and not reasons:
        return measured(id, title, seen, operator, limit, unit, _detail(rung))
    reason = "; ".join(reasons) or f"{rung.met.latency_ms.size:,} answers are too few for an interval"
    return _without_value(Bar(id, title, None, operator, limit, unit, detail=_detail(rung)), reason)


def _without_value(bar: Bar, reason: str) -> Bar:
    return replace(bar, value=None, interval=None, detail=bar.detail | {"reason": reason})


def _detail(rung: Rung) -> dict[str, Any]:
    return {
        "answered_per_min": 60 * rung.met.latency_ms.size / rung.seconds, "sent": rung.sent, "failed": rung.met.failed,
        "late_p99_ms": float(np.quantile(rung.met.late_ms, 0.99)) if rung.met.late_ms.size else None,
        "gateway_cpu_percent": rung.cpu_percent, "client_cpu_percent": rung.generator_percent,
    }  # fmt: skip
