"""What a capacity takes in cores and money, by the prices and limits that the system's file names."""

from __future__ import annotations

import math
from typing import Any

from perflab.experiments.conclude.world import under
from perflab.experiments.study import Study
from perflab.model.price import most_cores, most_per_user_hour

ALONE = "CPU alone, on cores as full as this; instances that share nothing"


def sizing(study: Study, users_per_core: float | None) -> dict[str, list[dict[str, Any]]]:
    """Return tables for a finding: the cores for each target on concurrent users, and the price where there is one.

    `users_per_core` is what one core serves at least, under the defaults of the conditions, which every row names;
    without it there is nothing to divide by.
    """
    if not users_per_core:
        return {}
    where = under(study).removeprefix(" under ")
    held = {"holds under": where} if where else {}
    tables: dict[str, list[dict[str, Any]]] = {}
    asked = _asked_users(study)
    if asked:
        tables["sizing"] = [
            {"target": id, "concurrent users": users, "cores, at most": most_cores(users, users_per_core), **held}
            for id, users in asked.items()
        ]
    prices = study.system.prices
    if prices is not None and prices.core_hour:
        cost = most_per_user_hour(prices.core_hour, users_per_core)
        tables["cost"] = [
            {
                "users per core, at least": f"{users_per_core:g}",
                f"a core for an hour ({prices.currency})": f"{prices.core_hour:g}",
                f"a user for an hour, at most ({prices.currency})": _rounded_up(cost),
                "what is in it": ALONE,
                "price from": prices.source,
                **held,
            }
        ]
    return tables


def _rounded_up(cost: float) -> str:
    """Show an upper bound with three digits, none of them below it."""
    step = 10.0 ** (math.floor(math.log10(cost)) - 2)
    return f"{math.ceil(cost / step - 1e-9) * step:.3g}"


def beyond_quota(study: Study) -> tuple[str, ...]:
    """Return what no capacity of the system can claim where the service behind it sets a limit of its own."""
    prices = study.system.prices
    if prices is None or not prices.upstream_sessions:
        return ()
    return (
        f"anything above {prices.upstream_sessions:,} concurrent sessions, on however many cores: there the quota of "
        f"the service behind the system decides ({prices.source})",
    )


def _asked_users(study: Study) -> dict[str, float]:
    """Return the concurrent users that targets of the domain ask for, by target."""
    from perflab.findings.catalogue import load_targets

    if not study.system.targets:
        return {}
    metrics = {measure.metric for measure in study.system.measure if measure.kind == "sustained_users"}
    known = load_targets(study.system.resolve(study.system.targets))
    own = [t for t in known if t.metric in metrics and t.domain == study.system.domain and not t.below]
    return {target.id: target.value for target in own if target.value > 0}
