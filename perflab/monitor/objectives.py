"""From targets to objectives: how bad events are counted and how many are allowed, or why nothing can count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from perflab.findings.catalogue import QUANTILES, Target
from perflab.monitor.metric_map import MetricMap, Series

BY_THRESHOLD = "judged by a threshold, not by a budget"
NO_CEILING = "alerts watch upper limits, and this target is a lower one"
KINDS = {"error_rate": "error_percent", "cpu_utilisation": "cpu_percent", "memory_utilisation": "memory_percent"}
ERRORS, CPU, MEMORY = KINDS.values()  # what a system's measure is made of, whatever its metric is called


@dataclass(frozen=True)
class Objective:
    """A share of good events that targets ask for: how bad ones are counted, and the budget of them."""

    slug: str
    title: str
    budget: float
    targets: tuple[str, ...]
    histogram: Series | None = None  # latency objectives: bad = above `le`
    le: float = 0.0


def kind_of(metric: str, kinds: Mapping[str, str]) -> str:
    """Return how a metric is measured: what the system's measures say of it, else what its name stands for."""
    return kinds.get(metric) or KINDS.get(metric, "")


def objectives(
    targets: Sequence[Target], series: MetricMap, kinds: Mapping[str, str] | None = None
) -> tuple[tuple[Objective, ...], dict[str, str]]:
    """Return the objectives that `series` can count, and for every other target the reason why it gives no alert.

    Targets with one metric, limit and budget share an objective. A percentile target is a share: "p95 < 2 s" allows
    5 % of the events above 2 s, "p99 < 2 s" 1 %, counted exactly where the histogram has an edge there. `kinds`: metric
    to the kind of the system's own measure.
    """
    found: dict[str, Objective] = {}
    gaps: dict[str, str] = {}
    for target in targets:
        made = _objective(target, series, kind_of(target.metric, kinds or {}))
        if isinstance(made, str):
            gaps[target.id] = made
            continue
        known = found.get(made.slug, made)
        found[made.slug] = replace(known, targets=tuple(dict.fromkeys((*known.targets, target.id))))
    return tuple(found.values()), gaps


def camel(name: str) -> str:
    """Return a name such as ``error_rate`` as ``ErrorRate``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _objective(target: Target, series: MetricMap, kind: str) -> Objective | str:
    """Return the objective of a target, its slug made of everything that tells it from others; or why there is none."""
    if not target.below:
        return NO_CEILING
    if target.metric in series.latency:
        return _latency(target, series.latency[target.metric])
    if kind == ERRORS:
        return _errors(target, series)
    if kind in (CPU, MEMORY):
        return BY_THRESHOLD
    return f"no series of this system tells {target.metric}"


def _latency(target: Target, histogram: Series) -> Objective | str:
    if not target.is_quantile:
        return f"a histogram counts what was above a limit; it has no {target.verdict_aggregate}"
    percentile = target.verdict_aggregate
    slug = f"{camel(target.metric)}{camel(percentile)}Over{target.value:g}{target.unit}".replace(".", "_")
    return Objective(slug, target.text, round(1.0 - QUANTILES[percentile], 12), (target.id,), histogram,
                     target.canonical_value)  # fmt: skip


def _errors(target: Target, series: MetricMap) -> Objective | str:
    if not series.bad or not series.total:
        return "no series counts errors and all events: [monitor] names them as bad and total"
    if not series.fine:
        return "every series of total is one of bad too: none counts what went well"
    budget = target.canonical_value
    if not 0.0 < budget < 1.0:
        return f"an error budget of {100 * budget:g} % has no rate at which it burns"
    return Objective(f"ErrorRateAbove{100 * budget:g}Percent".replace(".", "_"), target.text, budget, (target.id,))
