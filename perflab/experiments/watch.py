"""Alert rules from the targets of a system; what 41_monitoring calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.experiments.study import Study
from perflab.monitor.metric_map import MetricMap, Series
from perflab.monitor.promtool import Outcome, check_config, test_rules
from perflab.monitor.rules import RuleSet, alert_rules
from perflab.monitor.scrape import scrape_yaml
from perflab.runs import write_atomic
from perflab.system.tables.monitor import Monitor, SeriesName

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Checked:
    """What promtool said of the rules, and where they lie."""

    syntax: Outcome  # of the configuration and of the rule files that it names
    tests: Outcome
    files: tuple[Path, ...]
    cases: int

    @property
    def sentence(self) -> str:
        """Say both in one sentence."""
        if self.syntax.status == "skipped":
            return f"The rules are written but unchecked: {self.syntax.detail}"
        return f"promtool check config: {self.syntax.status}; {self.cases} unit tests: {self.tests.status}."


def rules(study: Study) -> RuleSet | None:
    """Return the alert rules of the system; None when its file names no series."""
    from perflab.findings.catalogue import load_targets

    if study.system.monitor is None or not study.system.targets:
        return None
    targets = load_targets(study.system.resolve(study.system.targets))
    return alert_rules(
        targets,
        metric_map(study.system.monitor),
        domain=study.system.domain,
        cores=float(len(study.cores.system)),
        memory_bytes=study.system.memory_budget_mb * 1e6,
        kinds={measure.metric: measure.kind for measure in study.system.measure},
    )


def metric_map(monitor: Monitor) -> MetricMap:
    """Return the series that a system's file names."""

    def one(series: SeriesName) -> Series:
        return Series(series.name, series.matchers, series.example)

    def many(series: tuple[SeriesName, ...]) -> tuple[Series, ...]:
        return tuple(one(each) for each in series)

    return MetricMap(
        job=monitor.job,
        latency={name: one(series) for name, series in monitor.latency.items()},
        bad=many(monitor.bad),
        total=many(monitor.total),
        units=one(monitor.units),
        traffic=one(monitor.traffic),
        cpu=one(monitor.cpu),
        memory=one(monitor.memory),
        network=one(monitor.network) if monitor.network else None,
        always=many(monitor.always),
        gaps=monitor.gaps,
    )


def check(study: Study, found: RuleSet | None) -> Checked | None:
    """Write rules, their unit tests and a configuration into the run; promtool judges all, where it is found."""
    if found is None:
        return None
    folder = study.run.path / "monitoring"
    files = found.write(folder)
    config = folder / "prometheus.yml"
    names = [path.name for path in files]
    write_atomic(config, scrape_yaml(found.series.job, study.system.metrics.url, names))
    tests = found.write_tests(folder / "tests", [alert for alert in found.alerts if not alert.slow])
    cases = sum(len(alert.cases) for alert in found.alerts if not alert.slow)
    return Checked(check_config(config), test_rules(tests), (config, *files), cases)


def alert_table(found: RuleSet | None) -> pd.DataFrame:
    """Return the alerts as a short table."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "alert": a.name,
                "severity": a.severity,
                "for": a.hold or "at once",
                "targets": " ".join(a.targets),
                "says": a.summary,
                "do": a.runbook,
            }
            for a in (found.alerts if found else ())
        ]
    )


def kpi_table(found: RuleSet | None) -> pd.DataFrame:
    """Return which figure answers which indicator, and what no series tells."""
    import pandas as pd

    from perflab.monitor.kpi import kpi_rows

    return pd.DataFrame(
        [
            {
                "id": r.id,
                "indicator": r.indicator,
                "series": r.series,
                "unit": r.unit,
                "alerts": ", ".join(r.alerts),
                "gap": r.gap,
            }
            for r in (kpi_rows(found) if found else ())
        ]
    )
