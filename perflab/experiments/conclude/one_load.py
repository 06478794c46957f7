"""Targets judged at one load: latencies first, then the rate, which is held only where they are in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perflab.experiments.conclude.parts import STAND_IN_CAVEAT
from perflab.experiments.readings import LONGER, MISSED
from perflab.experiments.study import Study
from perflab.findings.catalogue import by_id, load_targets
from perflab.findings.finding import Finding, TrustCheck
from perflab.findings.judge import Judgement, judge_target, target_finding
from perflab.stats.interval import Interval


@dataclass(frozen=True)
class Figure:
    """What stands for one target: an interval in `unit`, None with the reason in `few`, and the `n` answers behind."""

    target: str
    interval: Interval | None
    unit: str
    n: int
    rate: bool = False
    few: str = ""


@dataclass(frozen=True)
class Load:
    """The load at which all figures were seen: of which variant, what was asked of what, and whether to believe it."""

    variant: str
    what: str  # "state access", say
    per_min: int
    unit: str  # "accesses", say
    checks: tuple[TrustCheck, ...]
    caveats: tuple[str, ...] = ()


def judge_at(study: Study, load: Load, figures: Sequence[Figure]) -> list[Finding]:
    """Judge targets of the system's catalogue by figures of one load; one that the catalogue lacks is left out.

    A rate meets its target only where the latencies before it in `figures` keep theirs: late answers support no rate.
    Why the latencies that the catalogue knows and no others: the system's targets say what late is.
    """
    catalogue = load_targets(study.system.resolve(study.system.targets)) if study.system.targets else []
    known = {target.id for target in catalogue}
    found: list[Finding] = []
    for number, figure in enumerate(figures, 1):
        if figure.target not in known:
            continue
        target = by_id(catalogue, figure.target)
        judgement = judge_target(
            target, figure.interval, unit=figure.unit, level=study.level, trust=load.checks,
            domain=study.system.domain, reason=figure.few, next_step=LONGER,
        )  # fmt: skip
        judgement = _with_cause(judgement, figure, found, load.variant)
        found.append(
            target_finding(
                target, judgement, id=f"F{study.notebook[:2]}-target.{number}", notebook=study.notebook, n=figure.n,
                n_unit=load.unit, question=f"Does {load.what} meet {target.id}?", variant=load.variant,
                trust=load.checks, condition=f"open arrivals, {load.per_min:,} {load.unit}/min",
                caveats=(*load.caveats, STAND_IN_CAVEAT),
            )
        )  # fmt: skip
    return found


def _with_cause(judgement: Judgement, figure: Figure, found: Sequence[Finding], variant: str) -> Judgement:
    """Let a rate whose latencies miss miss its target, its figure staying what was measured; tell any miss's step."""
    late = next((f for f in found if f.verdict == "misses"), None) if figure.rate else None
    if late and judgement.verdict in ("meets", "inconclusive"):
        printed = judgement.printed.replace(judgement.verdict, "misses", 1)
        reason = f"{judgement.reason}, but {late.claim.rstrip('.')}"
        return replace(judgement, verdict="misses", printed=printed, reason=reason, next_step=late.next_step)
    if judgement.verdict == "misses":
        step = MISSED["rate_per_min" if figure.rate else "latency"].format(variant=variant)
        return replace(judgement, next_step=step)
    return judgement
