"""What 23_api_streaming concludes: every figure of every strategy, the rates at which codings pay, knee and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perflab.experiments.api_streaming.knee import JUDGED_PER_MIN, LIMIT_MS, Rung, knee_sentence
from perflab.experiments.api_streaming.lab import pool_sentence
from perflab.experiments.conclude.one_load import Figure, Load, judge_at
from perflab.experiments.conclude.parts import STAND_IN_CAVEAT, effect_of, evidence, finding, observation
from perflab.experiments.strategies.conclude import ArmJudged, findings
from perflab.experiments.strategies.payloads import break_even
from perflab.experiments.strategies.payloads.codings import Coded
from perflab.experiments.strategies.payloads.link import link_sentence
from perflab.experiments.strategies.run import ExperimentResult
from perflab.experiments.study import Study
from perflab.experiments.units_of_work import quantile
from perflab.findings.finding import Evidence, Finding, TrustCheck
from perflab.stats.interval import Interval

SHOWN = ("zlib 6", "zlib-ng 6", "ISA-L 2", "brotli 4", "zstd 3", "brotli 11")  # codings in figure and sentence
CHOSEN = "zstd 3"
TARGETS = (("S4-LAT-2a", "simple"), ("S4-LAT-2b", "complex"), ("S4-THR-2", "rate"))
NO_TARGET = (
    f"the bar of {JUDGED_PER_MIN:,}/min is this study's own and no target of the catalogue: it is reported, not judged"
)


def conclude(
    study: Study, judged: Sequence[ArmJudged], table: Sequence[Coded], checks: Sequence[TrustCheck],
    link: ExperimentResult | None, rungs: Sequence[Rung], pools: Sequence[Mapping[str, Any]],
    figures: dict[str, Evidence],
) -> list[Finding]:  # fmt: skip
    """Return the notebook's findings; `figures` by name: forest, tail, break-even, pools."""
    found = findings(study, judged, figures.get("forest"), figures.get("tail"))
    found.append(_break_even(study, table, checks, figures.get("break-even")))
    if link is not None:
        found.append(link_finding(study, link))
    found.append(
        finding(study, "4", question="How large must the pool to the code generator be?", kind="observation",
                verdict="reported", strategy="ST-API-02", claim=pool_sentence(pools),
                evidence=evidence(figures.get("pools")), caveats=(STAND_IN_CAVEAT,), details={"pools": list(pools)})
    )  # fmt: skip
    return [*found, _knee(study, rungs), *_targets(study, rungs)]


def link_finding(study: Study, link: ExperimentResult) -> Finding:
    """Return the finding on the break-even model's test; untrusted where identical arms differed."""
    return observation(
        study, "2", link.null_checks, question="Does the break-even model hold on a link?", strategy="ST-NET-03",
        claim=link_sentence(link),
    )  # fmt: skip


def _break_even(study: Study, table: Sequence[Coded], checks: Sequence[TrustCheck], figure: Evidence | None) -> Finding:
    coded = next(one for one in table if one.content == "history" and one.coding.label == CHOSEN)
    low, high = break_even.crossing_bounds(coded)
    times = coded.encode_us
    crossing = Interval(break_even.crossing_mbit(coded), low, high, times.confidence, times.n, times.method)
    return finding(
        study, "1", question="Below which link rate does a coding pay?", kind="observation", verdict="reported",
        strategy="ST-NET-03", claim=break_even.sentence(table, SHOWN), trust=tuple(checks),
        effect=effect_of(f"link rate below which {CHOSEN} pays", crossing, "Mbit/s", "rounds"),
        evidence=evidence(figure), details={"codings": [one.row() for one in table]},
        caveats=("coding, sending and decoding one after the other; slow start and round trips are left out",),
    )  # fmt: skip


def _knee(study: Study, rungs: Sequence[Rung]) -> Finding:
    first = rungs[0]
    checks = first.checks
    p95 = effect_of("p95 of simple requests at the bar's rate", first.p95, "ms", "requests") if first.p95 else None
    bar = f"The bar of {JUDGED_PER_MIN:,}/min under {LIMIT_MS:g} ms {'holds' if first.held else 'is missed'}"
    return observation(
        study, "3", checks, question="How many requests a minute does the API take?", variant=first.variant,
        claim=f"{bar}. {knee_sentence(rungs)}", effect=p95, caveats=(NO_TARGET, STAND_IN_CAVEAT),
        details={"rungs": [rung.row() for rung in rungs]}, headline=2,
    )  # fmt: skip


def _targets(study: Study, rungs: Sequence[Rung]) -> list[Finding]:
    """Judge the catalogue's API targets on the rung of 6,000 a minute, six times the load that they ask for."""
    rung = rungs[0]
    load = Load(rung.variant, "the API", rung.per_min, "requests", rung.checks)
    return judge_at(study, load, [_figure(rung, name, what) for name, what in TARGETS])


def _figure(rung: Rung, name: str, what: str) -> Figure:
    if what == "rate":
        return Figure(name, rung.rate(), "requests/min", rung.met.latency_ms.size, rate=True)
    seen = rung.latency_ms[what]
    few = f"{seen.size} requests are too few for p95 with an interval"
    return Figure(name, quantile(seen, 0.95), "ms", seen.size, few=few)
