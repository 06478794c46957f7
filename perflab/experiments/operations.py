"""Response times of each class of operations at a level of load: pooled, two populations give no latency of either."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.experiments.units_of_work import (
    failure_kinds,
    failures,
    failures_text,
    judged_rows,
    quantile,
    response_ms,
)
from perflab.stats.interval import Interval
from perflab.units import number_text

if TYPE_CHECKING:
    from perflab.experiments.ladder import Level
    from perflab.experiments.study import Study
    from perflab.experiments.trial import Trial


@dataclass(frozen=True)
class Operation:
    """One class of operations at one level, milliseconds; a quantile that n does not allow is None.

    `kind` and `tag` are those of its rows; `name` is the tag, or what a row of its kind is called.
    """

    kind: str
    name: str
    n: int
    p50: Interval | None
    p95: Interval | None
    p99: Interval | None
    failed: int
    finished: int
    failed_as: tuple[tuple[str, int], ...] = ()


def operations_of(study: Study, trial: Trial, scenario: str) -> tuple[Operation, ...]:
    """Return the classes of operations (kind and tag of rows) that were due in a segment, the unit of work first."""
    unit_kind = study.system.load.unit_kind
    found = []
    for kind in dict.fromkeys((unit_kind, "request")):
        rows = judged_rows(trial, kind, scenario)
        for tag in sorted(set(rows["tag"].tolist())):
            part = rows[rows["tag"] == tag]
            times, (failed, finished) = response_ms(part), failures(part)
            name = tag or (study.system.unit if kind == unit_kind else kind)
            p50, p95, p99 = (quantile(times, q) for q in (0.50, 0.95, 0.99))
            found.append(Operation(kind, name, len(times), p50, p95, p99, failed, finished, failure_kinds(part)))
    return tuple(found)


def operation_rows(levels: Iterable[Level]) -> list[dict[str, Any]]:
    """Return one row for each level and class of operations; none where the unit of work is the only class."""
    levels = list(levels)
    if len({operation.name for level in levels for operation in level.operations}) < 2:
        return []
    return [
        {
            "level": level.scenario,
            "users": level.users,
            "operation": each.name,
            "n": each.n,
            "p50 (ms)": _text(each.p50),
            "p95 (ms)": _text(each.p95),
            "p99 (ms)": _text(each.p99),
            "failed": failures_text(each.failed, each.finished, each.failed_as),
        }
        for level in levels
        for each in level.operations
        if each.finished
    ]


def operations_moved(levels: Sequence[Level], unit_kind: str) -> str:
    """Say how every class beside the unit of work moved from its first level with a quantile to its last.

    By its p95 where two levels have one, else by its p50.
    """
    told = []
    for name in dict.fromkeys(each.name for level in levels for each in level.operations if each.kind != unit_kind):
        seen = [(level.users, each) for level in levels for each in level.operations if each.name == name]
        by_p95, by_p50 = ([(u, getattr(each, q)) for u, each in seen if getattr(each, q)] for q in ("p95", "p50"))
        known, quantile_name = (by_p95, "p95") if len(by_p95) > 1 else (by_p50, "p50")
        if len(known) > 1:
            (few, first), (most, last) = known[0], known[-1]
            told.append(
                f"the {quantile_name} of {name} went from {first.value:,.0f} ms at {few} users to {last.value:,.0f} ms "
                f"at {most}"
            )
    return f" Beside them {' and '.join(told)}." if told else ""


def _text(interval: Interval | None) -> str:
    """Show a quantile with its interval; empty where n did not allow one."""
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return "{} [{}, {}]".format(*(number_text(x) for x in (interval.value, interval.low, interval.high)))
