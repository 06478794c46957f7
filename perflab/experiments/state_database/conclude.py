"""What 24_state_database concludes: observations with their figures; whether a flag pays is 30_prototype's to say."""

from __future__ import annotations

from typing import Any

from perflab.experiments.conclude.parts import effect_of, evidence, finding
from perflab.experiments.state_database.bulk import bulk_sentence
from perflab.experiments.state_database.journals import Beside, journal_sentence
from perflab.experiments.state_database.place import Place
from perflab.experiments.state_database.plans import IndexGain, index_sentence
from perflab.experiments.state_database.pools import PoolSeen, pool_sentence
from perflab.experiments.state_database.staleness import Stale, staleness_sentence
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding, TrustCheck


def conclude(study: Study, place: Place, checks: list[TrustCheck], gains: tuple[IndexGain, ...],
             rates: list[dict[str, Any]], beside: tuple[Beside, ...], pools: tuple[PoolSeen, ...],
             stale: tuple[Stale, ...], figure: Evidence) -> list[Finding]:  # fmt: skip
    """Return one finding for each question of the notebook."""
    least = min(gains, key=lambda gain: gain.ratio.value)
    wait = effect_of("p95 with a pool of 1", pools[1].p95, "ms", "queries")
    said: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("What does an index buy?", index_sentence(place, gains), "ST-STATE-01",
         {"effect": effect_of(f"time without over time with the index, {least.engine}", least.ratio, "x", "pairs")}),
        ("What does writing in bulk buy?", bulk_sentence(rates), "ST-STATE-10", {}),
        ("What does the write-ahead log do to readers?", journal_sentence(beside), "ST-STATE-14", {}),
        ("How large must a pool be?", pool_sentence(pools), "ST-STATE-03",
         {"effect": wait, "evidence": evidence(figure)}),
        ("How old may a cached answer be?", staleness_sentence(stale), "ST-CACHE-11", {}),
    )  # fmt: skip
    return [
        finding(study, str(ordinal), question=question, kind="observation", verdict="reported", claim=claim,
                strategy=strategy, trust=tuple(checks), **more)
        for ordinal, (question, claim, strategy, more) in enumerate(said, 1)
    ]  # fmt: skip
