"""All alerts of a system as Prometheus rule files, with their unit tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perflab.findings.catalogue import Target
from perflab.monitor.alerts import NO_BUDGET, Alert, burn_alerts, presence_alerts, resource_alerts
from perflab.monitor.metric_map import MetricMap
from perflab.monitor.objectives import MEMORY, kind_of, objectives
from perflab.runs import write_atomic


@dataclass(frozen=True)
class RuleSet:
    """The alerts of a system; `gaps` gives for each target without an alert the reason."""

    series: MetricMap
    alerts: tuple[Alert, ...]
    gaps: dict[str, str] = field(default_factory=dict)

    def for_target(self, target_id: str) -> tuple[Alert, ...]:
        """Return the alerts that watch a target."""
        return tuple(alert for alert in self.alerts if target_id in alert.targets)

    def write(self, folder: Path) -> list[Path]:
        """Write one rule file for each evaluation interval, fast and slow, and return them."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for speed, alerts in (("fast", self._chosen(False)), ("slow", self._chosen(True))):
            if alerts:
                path = folder / f"alerts-{speed}.yml"
                write_atomic(path, rules_yaml(f"{self.series.job}-{speed}", alerts))
                written.append(path)
        return written

    def write_tests(self, folder: Path, alerts: Sequence[Alert] = ()) -> list[Path]:
        """Write promtool's unit tests of `alerts` (all by default), and return the test files.

        Each alert has a rule file of its own, word for word as `write` has it: promtool evaluates every rule of a file
        at every step of every test, which takes minutes for all of them and a second for each alone.
        """
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for alert in alerts or self.alerts:
            rules, tests = folder / f"{alert.name}.yml", folder / f"{alert.name}.test.yml"
            write_atomic(rules, rules_yaml(self.series.job, [alert]))
            write_atomic(tests, tests_yaml(alert, rules.name))
            written.append(tests)
        return written

    def _chosen(self, slow: bool) -> list[Alert]:
        return [alert for alert in self.alerts if alert.slow == slow]


def rules_yaml(group: str, alerts: Sequence[Alert]) -> str:
    """Return a rule file with one group; all alerts must be of one speed."""
    lines = ["groups:", f"  - name: {group}", f"    interval: {_interval(alerts[0])}", "    rules:"]
    for alert in alerts:
        lines += _rule_lines(alert)
    return "\n".join(lines) + "\n"


def tests_yaml(alert: Alert, rule_file: str) -> str:
    """Return promtool's unit tests of one alert; at least one case fires and one is quiet."""
    head = ["rule_files:", f"  - {_text(rule_file)}", f"evaluation_interval: {_interval(alert)}", "tests:"]
    return "\n".join([*head, *_test_lines(alert)]) + "\n"


def _interval(alert: Alert) -> str:
    """The evaluation interval of rules and of their tests must be one, or the tests see nothing."""
    return "10m" if alert.slow else "1m"


def alert_rules(
    targets: Sequence[Target], series: MetricMap, *, domain: str, cores: float, memory_bytes: float,
    kinds: Mapping[str, str] | None = None,
) -> RuleSet:  # fmt: skip
    """Return the alerts for the targets of one domain on a system that exports `series`.

    `cores` and `memory_bytes`: what one instance is given, of which utilisation targets speak; 0 bytes = not declared.
    `kinds`: metric to the kind of the system's measure, for a system that has names of its own for errors, CPU, memory.
    Every target of the domain either has an alert or stands in `gaps` with its reason.
    """
    own, kinds = [target for target in targets if target.domain == domain], kinds or {}
    found, gaps = objectives(own, series, kinds)
    alerts = [alert for objective in found for alert in burn_alerts(objective, series)]
    if memory_bytes <= 0:
        gaps |= {target.id: NO_BUDGET for target in own if kind_of(target.metric, kinds) == MEMORY and target.below}
    levels = resource_alerts(own, series, cores, memory_bytes, kinds)
    needed = [part for part in (series.cpu, series.memory) if any(part.select(series.job) in a.expr for a in levels)]
    alerts += [*levels, *presence_alerts(series, needed)]
    watched = {id for alert in alerts for id in alert.targets}
    return RuleSet(series, tuple(alerts), {id: why for id, why in gaps.items() if id not in watched})


def _rule_lines(alert: Alert) -> list[str]:
    lines = [f"      - alert: {alert.name}", f"        expr: {_text(alert.expr)}"]
    lines += [f"        for: {alert.hold}"] if alert.hold else []
    lines += ["        labels:", *(f"          {k}: {_text(v)}" for k, v in _labels(alert).items())]
    return [*lines, "        annotations:", *(f"          {k}: {_text(v)}" for k, v in _annotations(alert).items())]


def _labels(alert: Alert) -> dict[str, str]:
    targets = {"targets": " ".join(alert.targets)} if alert.targets else {}
    return {"severity": alert.severity, **targets}


def _annotations(alert: Alert, instance: str = "{{ $labels.instance }}") -> dict[str, str]:
    summary = f"{alert.summary}: {instance}" if alert.per_instance else alert.summary
    return {"summary": summary, "runbook": alert.runbook}


def _test_lines(alert: Alert) -> list[str]:
    lines: list[str] = []
    for case in alert.cases:
        lines += [f"  - name: {_text(f'{alert.name}: {case.title}')}", f"    interval: {case.step_min}m",
                  "    input_series:"]  # fmt: skip
        for name, values in case.series:
            lines += [f"      - series: {_text(name)}", f"        values: {_text(values)}"]
        lines += ["    alert_rule_test:", f"      - eval_time: {case.at_min}m", f"        alertname: {alert.name}"]
        if not case.fires:
            lines.append("        exp_alerts: []")
            continue
        lines += ["        exp_alerts:", "          - exp_labels:"]
        labels = _labels(alert) | ({"instance": case.instance} if alert.per_instance else {})
        lines += [f"              {k}: {_text(v)}" for k, v in labels.items()]
        lines += [
            "            exp_annotations:",
            *(f"              {k}: {_text(v)}" for k, v in _annotations(alert, case.instance).items()),
        ]
    return lines


def _text(value: str) -> str:
    """Quote for YAML: its double-quoted strings take every string that JSON writes."""
    return json.dumps(value, ensure_ascii=False)
