"""Do the system's own counters tell what its clients saw? Alerts are made of the former, verdicts of the latter."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, read_trial
from perflab.experiments.units_of_work import failures, response_ms
from perflab.instrument.metrics_page import keep_page
from perflab.monitor import own_counts
from perflab.monitor.metric_map import MetricMap

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from perflab.findings.catalogue import Target

PAGE = "metrics.prom"
APART = 0.01  # share of the units: an error budget of 1 % is spent by what is not seen
STAGE = "matrix-"  # trials that hold every scenario, the overload among them


@dataclass(frozen=True)
class Compared:
    """One figure of one trial: by the page, and by the clients' rows of the whole trial; None = not told."""

    trial: str
    variant: str
    condition: str
    figure: str
    own: tuple[float, float] | None
    clients: tuple[int, int]

    @property
    def apart(self) -> float | None:
        """The share that the clients saw less the share that the page tells."""
        if self.own is None or not self.own[1] or not self.clients[1]:
            return None
        return self.clients[0] / self.clients[1] - self.own[0] / self.own[1]

    def row(self) -> dict[str, Any]:
        """Return the comparison as a row of a table."""
        return {
            "variant": self.variant,
            "condition": self.condition or "default",
            "figure": self.figure,
            "system counted": _of(self.own) if self.own else "not told",
            "clients saw": _of(self.clients),
            "apart (points)": None if self.apart is None else round(100 * self.apart, 1),
        }


def keep(folder: Path, url: str) -> None:
    """Keep the system's metrics page beside a trial's logs, where it has one."""
    if url:
        keep_page(url, folder / PAGE)


def compared(study: Study, series: MetricMap | None) -> list[Compared]:
    """Return failures and slow answers by both sources, for each matrix trial of the run; [] without [monitor].

    Both count the whole trial, warm-up and drain included, as the page does. Weakness: a unit that ends after the page
    was read is in the clients' rows alone, at most as many as there were users.
    """
    from perflab.findings.catalogue import load_targets

    if series is None:
        return []
    known = load_targets(study.system.resolve(study.system.targets)) if study.system.targets else []
    targets = [target for target in known if target.domain == study.system.domain]
    found: list[Compared] = []
    for trial in _trials(study):
        page = _page(study, trial)
        condition = ",".join(f"{name}={value}" for name, value in sorted(trial.spec.conditions.items()))
        where = (trial.spec.name, trial.spec.variant, condition)
        rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
        own = _asked(own_counts.failures, page, series) if series.total else None
        if series.bad:
            found.append(Compared(*where, f"{study.system.unit}s that failed", own, failures(rows)))
        found += [
            Compared(
                *where,
                f"{target.metric} above {target.value:g} {target.unit}",
                _asked(own_counts.above, page, series.latency[target.metric], target.canonical_value),
                slow,
            )
            for target, slow in _slow_for_clients(study, trial, targets, series)
        ]
    return found


def sentence(rows: Sequence[Compared]) -> str:
    """Say where the two sources part, and where they agree."""
    told = [row for row in rows if row.apart is not None]
    if not told:
        return "Nothing was compared: no metrics page was kept, or its series were not found."
    parted = [row for row in told if abs(row.apart or 0.0) > APART]
    if not parted:
        return f"In {len(told)} comparisons the system's own counters tell what its clients saw, within 1 point."
    worst = max(parted, key=lambda row: abs(row.apart or 0.0))
    return (
        f"In {len(parted)} of {len(told)} comparisons the system's own counters and its clients part by more than 1 "
        f"point; most in {worst.variant}, {worst.figure}: the clients saw {_of(worst.clients)}, "
        f"the system counted {_of(worst.own or (0, 0))}."
    )


def table(rows: Sequence[Compared]) -> pd.DataFrame:
    """Return the comparisons as a short table."""
    import pandas as pd

    return pd.DataFrame([row.row() for row in rows])


def _trials(study: Study) -> list[Trial]:
    names = []
    for path in sorted(study.run.folder("samples").glob(f"trial.{STAGE}*.json")):
        names.append(json.loads(path.read_text(encoding="utf-8"))["spec"]["name"])
    return [read_trial(study, name) for name in names]


def _page(study: Study, trial: Trial) -> tuple[own_counts.Sample, ...] | None:
    try:
        text = (study.run.folder("trials") / trial.spec.name / PAGE).read_text(encoding="utf-8")
        return own_counts.samples(text)
    except (OSError, ValueError):
        return None


def _asked(
    ask: Callable[..., tuple[float, float] | None], page: tuple[own_counts.Sample, ...] | None, *named: Any
) -> tuple[float, float] | None:
    """Return what the page tells; None without a page, or where its series cannot be picked out."""
    try:
        return None if page is None else ask(page, *named)
    except ValueError:
        return None


def _slow_for_clients(
    study: Study, trial: Trial, targets: Sequence[Target], series: MetricMap
) -> list[tuple[Target, tuple[int, int]]]:
    """Return for one target of each latency limit how many answers came later than it, of those that came."""
    measures = {m.metric: m for m in study.system.measure if m.kind == "latency"}
    found: dict[tuple[str, float], tuple[Target, tuple[int, int]]] = {}
    for target in targets:
        measure = measures.get(target.metric)
        key = (target.metric, target.canonical_value)
        if measure is None or target.metric not in series.latency or not target.below or key in found:
            continue
        rows = trial.units[trial.units["kind"] == measure.rows]
        for column, wanted in (("tag", measure.tag), ("name", measure.name)):
            rows = rows[rows[column] == wanted] if wanted else rows
        times = response_ms(rows)
        found[key] = (target, (int((times > 1e3 * target.canonical_value).sum()), len(times)))
    return list(found.values())


def _of(counts: tuple[float, float]) -> str:
    share = f" ({100 * counts[0] / counts[1]:.3g} %)" if counts[1] else ""
    return f"{counts[0]:.0f} of {counts[1]:.0f}{share}"
