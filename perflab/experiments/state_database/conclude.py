"""What 24_state_database concludes: comparisons of ways and of settings, and observations with their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.experiments.conclude.parts import effect_of, evidence, finding, vetoed
from perflab.experiments.education.fan_out import Delivered, Missed, fan_out_sentence
from perflab.experiments.education.locks import Paused, paused_sentence
from perflab.experiments.state_database.bulk import bulk_sentence
from perflab.experiments.state_database.commits import Lost, crash_sentence
from perflab.experiments.state_database.contest_findings import contest_findings
from perflab.experiments.state_database.laboratory import Held
from perflab.experiments.state_database.place import Place
from perflab.experiments.state_database.plans import IndexGain, index_sentence
from perflab.experiments.state_database.pools import PoolSeen, pool_sentence
from perflab.experiments.state_database.replicas import Lag, lag_sentence
from perflab.experiments.state_database.staleness import Stale, staleness_sentence
from perflab.experiments.strategies.conclude import ArmJudged, findings
from perflab.experiments.strategies.unmeasured import unmeasured
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck, Verdict


@dataclass(frozen=True)
class Seen:
    """All that the notebook measured."""

    checks: list[TrustCheck]
    gains: tuple[IndexGain, ...]
    held: Held
    pools: tuple[PoolSeen, ...]
    stale: tuple[Stale, ...]
    crashed: tuple[Lost, ...]
    lagging: tuple[Lag, ...]
    paused: tuple[Paused, ...]
    delivered: tuple[Delivered, ...]
    missed: tuple[Missed, ...]
    on_gateway: tuple[ArmJudged, ...]


def conclude(study: Study, place: Place, seen: Seen, figures: Mapping[str, Evidence]) -> list[Finding]:
    """Return observations, then a comparison for each figure of each way, then of each setting of the gateway.

    `figures`: pools, plans, ways (their medians), settings and tails (the CPU and response p95 of the gateway's).
    """
    least = min(seen.gains, key=lambda gain: gain.ratio.value)
    many, busy = seen.delivered[-1], seen.lagging[-1]
    said: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("What does an index buy?", index_sentence(place, seen.gains), "ST-STATE-01",
         {"effect": effect_of(f"time without over time with the index, {least.engine}", least.ratio, "x", "pairs"),
          "evidence": evidence(figures.get("plans")),
          "details": {"plans": [row for gain in seen.gains for row in gain.rows()]}}),
        ("How fast are rows written in bulk?", bulk_sentence(seen.held.results), "ST-STATE-10", {}),
        ("How large must a pool be?", pool_sentence(seen.pools), "ST-STATE-03",
         {"effect": effect_of("p95 with a pool of 1", seen.pools[1].p95, "ms", "queries"),
          "evidence": evidence(figures["pools"])}),
        ("How old may a cached answer be?", staleness_sentence(seen.stale), "ST-CACHE-11", {}),
        ("What does an asynchronous commit lose?", crash_sentence(seen.crashed), "ST-STATE-11", {}),
        ("How far is a replica behind?", lag_sentence(seen.lagging), "ST-STATE-04",
         {"effect": effect_of(f"replica lag p95, {busy.load}", busy.p95, "ms", "writes")}),
        ("Is a lock safe when its holder is paused?", paused_sentence(seen.paused), "ST-CACHE-19", {}),
        ("How long do messages to many take?", fan_out_sentence(seen.delivered, seen.missed), "ST-API-09",
         {"effect": effect_of(f"delivery p95 to {many.receivers} receivers", many.p95, "ms", "deliveries")}),
    )  # fmt: skip
    verdict: Verdict = "untrusted" if vetoed(seen.checks) else "reported"
    observed = [
        finding(study, str(ordinal), question=question, kind="observation", verdict=verdict, claim=claim,
                strategy=strategy, trust=tuple(seen.checks), **more)
        for ordinal, (question, claim, strategy, more) in enumerate(said, 1)
    ]  # fmt: skip
    return [
        *observed,
        *contest_findings(study, seen.held.contests, seen.held.judged, figures["ways"]),
        *findings(study, seen.on_gateway, figures["settings"], figures.get("tails")),
    ]


def still_open(study: Study, found: Sequence[Finding]) -> str:
    """Name the strategies that the catalogue plans for this notebook and none of its findings is about."""
    return unmeasured(study, study.notebook, {f.strategy for f in found})
