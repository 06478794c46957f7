"""The figures of a finished run: which of its findings become rows of the history."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from perflab.environment import short_fingerprint
from perflab.errors import StatisticError, UsageError
from perflab.findings.finding import Finding, load_findings
from perflab.history.direction import lower_is_better, of_target, target_directions
from perflab.history.row import Row
from perflab.runs import BY_NOTEBOOK, Manifest, Run

ABOUT_THE_MACHINE = ("00_", "10_")  # what these notebooks find concerns the instruments, not the system's speed
BRACKETS = ("highest level that held",)  # two levels of a ladder: no 95 % interval, and never compared as one
Figure = dict[str, Any]


def finished_rows(run: Run) -> list[Row]:
    """Return the rows of a run for the store; raises UsageError when it is unfinished or had defects planted."""
    manifest = run.manifest
    if manifest.status != "done":
        raise UsageError(f"Run {run.id} is {manifest.status}", "only a finished run enters the history",
                         f"Finish it with: perflab spike --resume {run.id}")  # fmt: skip
    if manifest.command.startswith(BY_NOTEBOOK):
        raise UsageError(f"Run {run.id} is that of a single notebook", "only studies enter the history")
    if manifest.planted:
        raise UsageError(f"Run {run.id} had defects planted ({manifest.planted})", "the history holds honest runs")
    return rows_of(run)


def rows_of(run: Run) -> list[Row]:
    """Return every figure that a run's findings state with a number, in order of metric."""
    manifest = run.manifest
    common = {
        "run_id": run.id,
        "time": datetime.fromisoformat(manifest.created).astimezone(UTC).replace(tzinfo=None),
        "commit": manifest.commit,
        "system": manifest.system_name,
        "digest": manifest.system_digest,
        "effort": effort_text(manifest),
        "domain": manifest.domain,
        "fingerprint": short_fingerprint(manifest.fingerprint),
    }
    directions = target_directions(manifest)
    figures: list[Figure] = []
    for finding in load_findings(run.path / "findings"):
        base = {**_base(finding), "finding": finding.id}
        for figure in _figures(finding):
            better = _better(finding, figure, directions)
            figures.append({**base, "lower_is_better": better, "target": finding.target_id, **figure})
    rows = [Row(**{**common, **figure}) for figure in _named_apart(figures)]
    return sorted(rows, key=lambda r: (r.metric, r.variant, r.scenario, r.condition))


def _better(finding: Finding, figure: Figure, directions: dict[str, bool]) -> bool | None:
    """Return whether less of a figure is better: as the target says that was judged by it, else by name and unit."""
    if finding.effect is not None and figure["metric"] == finding.effect.metric:
        stated = of_target(finding)
        stated = directions.get(finding.target_id) if stated is None else stated
        if stated is not None:
            return stated
    return lower_is_better(figure["metric"], figure["unit"])


def effort_text(manifest: Manifest) -> str:
    """Return the effort, with the factor of every duration when that was not 1: a shortened run is another effort."""
    scale = float(manifest.notes.get("time_scale", 1.0))
    return manifest.effort if scale == 1.0 else f"{manifest.effort} x{scale:g}"


def _base(finding: Finding) -> Figure:
    return {
        "variant": finding.variant, "scenario": finding.scenario, "condition": finding.condition,
        "level": finding.level, "trusted": finding.verdict != "untrusted",
    }  # fmt: skip


def _figures(finding: Finding) -> Iterator[Figure]:
    """Yield the figures of one finding: its effect, the arms of its blocks, the levels of its matrix."""
    lead = finding.stage == "screened" or ("flag" in finding.details and not finding.stage)  # the latter in old runs
    if finding.notebook.startswith(ABOUT_THE_MACHINE) or lead:
        return  # what was screened is a lead, not a result
    effect = finding.effect
    if effect is not None and _known(effect.value):
        against = finding.kind == "comparison"
        name = f"{effect.metric}, against baseline" if against else effect.metric
        bounds = (None, None) if effect.method in BRACKETS else (effect.low, effect.high)
        yield _figure(name, effect.unit, effect.value, *bounds, effect.n)
    yield from _arms(finding)
    yield from _levels(finding.details.get("scenarios", ()))


def _arms(finding: Finding) -> Iterator[Figure]:
    """Yield the median of each arm of a block comparison, with its order-statistic interval."""
    blocks = finding.details.get("blocks")
    if finding.effect is None or not isinstance(blocks, list):
        return
    metric = finding.effect.metric
    unit = "MB" if "memory" in metric else "kB" if metric.startswith("bytes") else "ms"
    for arm in sorted({name for block in blocks for name in block} - {"block"}):
        values = [float(block[arm]) for block in blocks if _known(block.get(arm))]
        if values:
            yield {**_figure(finding.effect.metric, unit, *_median(values), len(values)), "variant": arm}


def _median(values: list[float]) -> tuple[float, float | None, float | None]:
    """Return the median and its order-statistic bounds; none where the values are too few or all equal.

    CPU counted in ticks, or memory in pages, may read the same in all blocks: the run's other figures stay.
    """
    from perflab.stats.latency import order_statistic_interval

    try:
        found = order_statistic_interval(values, 0.5)
    except StatisticError:
        return statistics.median(values), None, None
    return found.value, found.low, found.high


def _levels(rows: Iterable[Mapping[str, Any]]) -> Iterator[Figure]:
    """Yield response and CPU of each scenario of a load matrix."""
    for row in rows:
        scenario, n = str(row.get("scenario", "")), int(row.get("n") or 0)
        for name in ("p50", "p95"):
            if _known(row.get(f"{name}_ms")):
                bounds = row.get(f"{name}_low"), row.get(f"{name}_high")
                yield {**_figure(f"response {name}", "ms", row[f"{name}_ms"], *bounds, n), "scenario": scenario}
        if _known(row.get("cpu_percent")):
            yield {**_figure("CPU", "% of a core", row["cpu_percent"], None, None, n), "scenario": scenario}


def _figure(metric: str, unit: str, value: float, low: float | None, high: float | None, n: int) -> Figure:
    """Return a figure; bounds that coincide come from one reading or a count, and bound nothing."""
    empty = low is not None and low == high
    return {"metric": metric, "unit": unit, "value": float(value), "n": n,
            "low": None if empty else low, "high": None if empty else high}  # fmt: skip


def _named_apart(figures: list[Figure]) -> Iterator[Figure]:
    """Yield every figure once, no two under one name: a series that holds two quantities shows moves that never were.

    Where targets read one metric in several ways, the target's id tells them apart; else the id of the finding does,
    and the first in order keeps the plain name.
    """
    groups: dict[tuple[str, ...], dict[tuple[Any, ...], Figure]] = defaultdict(dict)
    for figure in figures:
        groups[_named(figure)].setdefault(tuple(figure[name] for name in ("value", "low", "high", "n")), figure)
    taken: set[tuple[str, ...]] = set()
    for group in groups.values():
        for figure in group.values():
            target, finding, plain = figure.pop("target"), figure.pop("finding"), figure["metric"]
            if len(group) > 1 and target:
                figure["metric"] = f"{plain} ({target})"
            if _named(figure) in taken:
                figure["metric"] = f"{plain} ({finding})"
            count = 1
            while _named(figure) in taken:
                count += 1
                figure["metric"] = f"{plain} ({finding} #{count})"
            taken.add(_named(figure))
            yield figure


def _named(figure: Figure) -> tuple[str, ...]:
    return tuple(str(figure[name]) for name in ("metric", "unit", "variant", "scenario", "condition"))


def _known(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
