"""The KPI map: for each indicator that the monitoring plan asks for, the series, the query, the alert, or the gap."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.monitor.metric_map import MetricMap, Series
from perflab.monitor.objectives import camel
from perflab.monitor.rules import RuleSet

NO_LATENCY = "no histogram of response times is named: latency of [monitor]"
NO_ERRORS = "no series of errors is named: bad and total of [monitor]"


@dataclass(frozen=True)
class KpiRow:
    """One indicator; `gap` says what the system does not export, "" when nothing is missing."""

    id: str
    indicator: str
    series: str
    query: str
    unit: str
    alerts: tuple[str, ...]
    gap: str = ""


def kpi_rows(rules: RuleSet) -> tuple[KpiRow, ...]:
    """Return the rows of S4-KPI-1 to S4-KPI-5 for a system, with the alerts that watch each."""
    s = rules.series
    return (*_latency(rules), *_throughput(s, rules), _errors(s, rules), *_resources(s, rules), *_experience(s, rules))


def _latency(rules: RuleSet) -> list[KpiRow]:
    s = rules.series
    rows = [] if s.latency else [KpiRow("S4-KPI-1", "response time p50, p95, p99", "", "", "s", (), NO_LATENCY)]
    for metric, histogram in s.latency.items():
        query = " or ".join(_labelled(_quantile(histogram, s.job, q), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))
        rows.append(KpiRow("S4-KPI-1", f"response time p50, p95, p99: {metric}", histogram.name, query, "s",
                           _alerts(rules, f"{histogram.name}_bucket", histogram.matchers)))  # fmt: skip
    return rows


def _throughput(s: MetricMap, rules: RuleSet) -> list[KpiRow]:
    return [
        KpiRow("S4-KPI-2", "throughput: units finished per second", s.units.name, _rate(s.units, s.job), "1/s",
               _named(rules, "NoUnitFinished")),
        KpiRow("S4-KPI-2", "concurrent users", s.traffic.name, f"sum({s.traffic.select(s.job)})", "users",
               _named(rules, "NoUnitFinished", f"Absent{camel(s.traffic.name)}")),
    ]  # fmt: skip


def _errors(s: MetricMap, rules: RuleSet) -> KpiRow:
    if not s.bad or not s.total:
        return KpiRow("S4-KPI-3", "error rate", "", "", "share", (), NO_ERRORS)
    bad, total = (" + ".join(f"({_rate(part, s.job)} or vector(0))" for part in parts) for parts in (s.bad, s.total))
    return KpiRow("S4-KPI-3", "error rate", s.bad[0].name, f"({bad}) / ({total})", "share", _named(rules, "ErrorRate"))


def _resources(s: MetricMap, rules: RuleSet) -> list[KpiRow]:
    sent = _rate(s.network, s.job) if s.network else ""
    return [
        KpiRow("S4-KPI-4", "CPU", s.cpu.name, _rate(s.cpu, s.job), "cores", _named(rules, "CpuAbove")),
        KpiRow("S4-KPI-4", "memory", s.memory.name, f"sum({s.memory.select(s.job)})", "byte",
               _named(rules, "MemoryAbove")),
        KpiRow("S4-KPI-4", "network", s.network.name if s.network else "", sent, "byte/s", (),
               "" if sent else "no series of bytes sent and received"),
        KpiRow("S4-KPI-4", "disk", "", "", "share of time", (), s.gaps.get("disk", "no series of disk use")),
    ]  # fmt: skip


def _experience(s: MetricMap, rules: RuleSet) -> list[KpiRow]:
    return [_first_response(s, rules), _completion(s, rules)]


def _first_response(s: MetricMap, rules: RuleSet) -> KpiRow:
    if not s.latency:
        return KpiRow("S4-KPI-5a", "time to first response", "", "", "s", (), NO_LATENCY)
    metric, histogram = next(iter(s.latency.items()))
    watching = _alerts(rules, f"{histogram.name}_bucket", histogram.matchers)
    return KpiRow("S4-KPI-5a", f"time to first response: {metric}", histogram.name, _quantile(histogram, s.job, 0.95),
                  "s", watching, s.gaps.get("client_time", ""))  # fmt: skip


def _completion(s: MetricMap, rules: RuleSet) -> KpiRow:
    if not s.bad:
        return KpiRow("S4-KPI-5b", "units finished without an error", "", "", "share", (), NO_ERRORS)
    good = f"1 - ({' + '.join(f'({_rate(p, s.job)} or vector(0))' for p in s.bad)}) / ({_rate(s.units, s.job)})"
    return KpiRow("S4-KPI-5b", "units finished without an error", s.bad[0].name, good, "share",
                  _named(rules, "ErrorRate"), s.gaps.get("sessions_started", ""))  # fmt: skip


def _quantile(histogram: Series, job: str, q: float) -> str:
    return f"histogram_quantile({q:g}, sum by (le) (rate({histogram.select(job, '_bucket')}[5m])))"


def _labelled(query: str, value: str) -> str:
    return f'label_replace({query}, "quantile", "{value}", "", "")'


def _rate(series: Series, job: str) -> str:
    return f"sum(rate({series.select(job)}[5m]))"


def _alerts(rules: RuleSet, *parts: str) -> tuple[str, ...]:
    return tuple(alert.name for alert in rules.alerts if all(part in alert.expr for part in parts))


def _named(rules: RuleSet, *starts: str) -> tuple[str, ...]:
    return tuple(alert.name for alert in rules.alerts if alert.name.startswith(starts))
