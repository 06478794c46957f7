"""Alert rules from targets: each knows its expression, whom it calls, and the cases that prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perflab.findings.catalogue import Target
from perflab.monitor import cases
from perflab.monitor.burn import BURN_WINDOWS, BurnWindow, Severity, is_possible, threshold
from perflab.monitor.cases import Case
from perflab.monitor.metric_map import MetricMap, Series
from perflab.monitor.objectives import CPU, MEMORY, Objective, camel, kind_of

NO_BUDGET = "the system's file declares no memory_budget_mb"
FLOOR_PER_S = 0.05  # units per second: below three a minute a single bad one would page somebody at night
ALONE = 1  # in use by no more than this, nothing finished says little: one client that is connected may just be silent


@dataclass(frozen=True)
class Alert:
    """One alert rule.

    `slow` ones look back a day or more and are evaluated every ten minutes. `per_instance` ones fire once for each
    instance, by the label that Prometheus gives its series; the others speak of all instances together.
    """

    name: str
    expr: str
    hold: str
    severity: Severity
    summary: str
    runbook: str
    targets: tuple[str, ...]
    cases: tuple[Case, ...]
    slow: bool = False
    per_instance: bool = False


def bad_share(objective: Objective, series: MetricMap, window: str) -> str:
    """Return the PromQL of the share of bad events over `window`."""
    job = series.job
    if objective.histogram is None:
        return f"({_sum(series.bad, job, window)}) / ({_sum(series.total, job, window)})"
    edge = _edge(objective.le)
    good = f"sum(rate({objective.histogram.select(job, '_bucket', edge)}[{window}]))"
    return f"1 - {good} / sum(rate({objective.histogram.select(job, '_count')}[{window}]))"


def _edge(le: float) -> str:
    """Return the matcher of a bucket edge; exporters write 2 s as "2" or as "2.0"."""
    number = f"{le:g}".replace(".", r"\\.")
    return rf'le=~"{number}(\\.0)?"'


def event_rate(objective: Objective, series: MetricMap, window: str) -> str:
    """Return the PromQL of all events per second over `window`."""
    if objective.histogram is None:
        return _sum(series.total, series.job, window)
    return f"sum(rate({objective.histogram.select(series.job, '_count')}[{window}]))"


def _sum(parts: Sequence[Series], job: str, window: str) -> str:
    """Add counters; one that does not exist yet counts as zero instead of silencing the rule."""
    return " + ".join(f"(sum(rate({part.select(job)}[{window}])) or vector(0))" for part in parts)


def burn_alerts(objective: Objective, series: MetricMap, floor_per_s: float = FLOOR_PER_S) -> list[Alert]:
    """Return the multi-window burn alerts of an objective, and a warning while the objective itself is missed.

    Of a latency also one that fires where the histogram has no edge at the limit, because these then never do. Windows
    that could never fire for this budget are left out; `burn.threshold` says why.
    """
    made = [_burn(objective, series, w, floor_per_s) for w in BURN_WINDOWS if is_possible(w, objective.budget)]
    blind = [_blind(objective, objective.histogram, series.job)] if objective.histogram else []
    return [*made, _missed(objective, series, floor_per_s), *blind]


def _blind(objective: Objective, histogram: Series, job: str) -> Alert:
    """Return the alert on a histogram without a bucket edge at the limit: all others of the objective stay silent."""
    edge, count = histogram.select(job, "_bucket", _edge(objective.le)), histogram.select(job, "_count")
    return Alert(
        name=f"{objective.slug}Blind", expr=f"((vector(1) unless on() {edge}) and on() {count}) == 1", hold="10m",
        severity="ticket", summary=f"{objective.title}: {histogram.name} has no bucket edge at {objective.le:g} s",
        runbook=f"Nothing counts what is slower, so that no alert on this objective can fire: give the exporter's "
        f"histogram a bucket with the edge {objective.le:g}.",
        targets=objective.targets, cases=cases.blind_cases(objective, histogram, job),
    )  # fmt: skip


def _burn(objective: Objective, series: MetricMap, window: BurnWindow, floor: float) -> Alert:
    limit = threshold(window, objective.budget)
    expr = " and ".join((
        f"({bad_share(objective, series, window.long)}) > {limit:.6g}",
        f"({bad_share(objective, series, window.short)}) > {limit:.6g}",
        f"({event_rate(objective, series, window.short)}) > {floor:g}",
    ))  # fmt: skip
    return Alert(
        name=f"{objective.slug}Burn{window.long}", expr=expr, hold="", severity=window.severity,
        summary=f"{objective.title}: the error budget burns at {window.factor:g} times the rate it allows",
        runbook=f"{limit:.1%} of the events were bad over {window.long} and still are over {window.short}. Look at the "
        f"stage that grew, then at the last deployment.",
        targets=objective.targets, cases=cases.burn_cases(objective, series, window, limit, floor), slow=window.is_slow,
    )  # fmt: skip


def _missed(objective: Objective, series: MetricMap, floor: float) -> Alert:
    expr = (
        f"({bad_share(objective, series, '15m')}) > {objective.budget:.6g} "
        f"and ({event_rate(objective, series, '15m')}) > {floor:g}"
    )
    return Alert(
        name=f"{objective.slug}Missed", expr=expr, hold="5m", severity="warning",
        summary=f"{objective.title} has been missed for 15 minutes",
        runbook="Compare load and CPU with the capacity statement: above the knee, add instances.",
        targets=objective.targets, cases=cases.missed_cases(objective, series, floor),
    )  # fmt: skip


def resource_alerts(
    targets: Sequence[Target], series: MetricMap, cores: float, memory_bytes: float,
    kinds: Mapping[str, str] | None = None,
) -> list[Alert]:  # fmt: skip
    """Return one threshold alert for each limit on CPU (of `cores`) and memory (of the declared `memory_bytes`).

    Both are what ONE instance is given, so each instance is judged alone: three at a quarter of a core fill no core.
    Memory of 0 bytes is not declared: there is no limit to compare with, and no alert.
    """
    job, found = series.job, []
    for kind, name, used, given, of, hold in (
        (CPU, "Cpu", f"rate({series.cpu.select(job)}[5m])", cores, f"{cores:g} cores", "10m"),
        (MEMORY, "Memory", series.memory.select(job), memory_bytes, f"{memory_bytes / 1e6:.0f} MB", "5m"),
    ):
        own = [t for t in targets if kind_of(t.metric, kinds or {}) == kind and t.below and given > 0]
        for limit in sorted({t.canonical_value for t in own}):
            ids = tuple(t.id for t in own if t.canonical_value == limit)
            found.append(Alert(
                name=f"{name}Above{limit * 100:.0f}Percent", hold=hold, severity="ticket", per_instance=True,
                expr=f"sum by (instance) ({used}) / {given:.10g} > {limit:g}", targets=ids,
                summary=f"{name} use of one instance above {limit:.0%} of {of}",
                cases=cases.level_cases(name, series, limit, given),
                runbook="Compare the users who are there with the capacity statement; scale out before the knee.",
            ))  # fmt: skip
    return found


def presence_alerts(series: MetricMap, needed: Sequence[Series] = ()) -> list[Alert]:
    """Return alerts on silence: the system gone, a series gone (`needed` ones too), no work finished for its users."""
    job, found = series.job, []
    found.append(Alert(
        name="SystemDown", expr=f'(sum(up{{job="{job}"}}) or vector(0)) == 0', hold="2m", severity="page",
        summary=f"No instance of {job} answers a scrape", targets=(), cases=cases.down_cases(series),
        runbook="Look at the process and its log; without it every other alert here is silent.",
    ))  # fmt: skip
    for part in {part.name: part for part in (*series.always, *needed)}.values():
        found.append(Alert(
            name=f"Absent{camel(part.name)}", expr=f"(vector(1) unless on() {part.select(job)}) == 1", hold="10m",
            severity="ticket", summary=f"{part.name} is no longer exported", targets=(),
            cases=cases.absent_cases(part, series),
            runbook="A renamed or dropped metric silences the alerts that are made of it: mend the exporter or rules.",
        ))  # fmt: skip
    served = f"(sum(rate({series.units.select(job)}[10m])) or vector(0))"
    found.append(Alert(
        name="NoUnitFinished", hold="5m", severity="page", targets=(),
        expr=f"sum({series.traffic.select(job)}) > {ALONE} and {served} == 0", cases=cases.stalled_cases(series),
        summary="Several users are there and nothing has finished for 10 minutes",
        runbook="Look upstream first: a service that hangs without an error stops all work.",
    ))  # fmt: skip
    return found
