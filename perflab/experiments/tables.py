"""Results as the flat tables that figures draw and deliverables print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.block_work import counted_rows
from perflab.experiments.blocks import BlockResult
from perflab.experiments.ladder import Level
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.null_arm import CPU_MARGIN, MEMORY_MARGIN, P50_MARGIN, P95_MARGIN
from perflab.experiments.operations import operation_rows
from perflab.experiments.screen import Screening
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Trial, read_trial
from perflab.experiments.units_of_work import failures_text, response_ms
from perflab.stats.interval import Interval

if TYPE_CHECKING:
    import pandas as pd


def latency_points(levels: Iterable[Level], variant: str = "") -> list[dict[str, Any]]:
    """Return p50 and p95 with intervals for each level that n allows."""
    rows = []
    for level in levels:
        for name, interval in (("p50", level.p50), ("p95", level.p95)):
            if interval:
                row = {
                    "users": level.users,
                    "percentile": name,
                    "value": interval.value,
                    "low": interval.low,
                    "high": interval.high,
                }
                rows.append(row | ({"variant": variant} if variant else {}))
    return rows


def throughput_points(levels: Iterable[Level], variant: str) -> list[dict[str, Any]]:
    """Return units per second for each level."""
    return [{"users": x.users, "value": x.throughput_per_s, "variant": variant} for x in levels if x.users]


def level_table(levels: Iterable[Level]) -> pd.DataFrame:
    """Return levels as a short table for a notebook; an empty cell means that n did not allow the figure."""
    import pandas as pd

    def text(level: Level, name: str) -> str:
        interval = getattr(level, name)
        return f"{interval.value:.0f} [{interval.low:.0f}, {interval.high:.0f}]" if interval else ""

    levels = list(levels)
    whole = any(level.whole_p95 for level in levels)
    return pd.DataFrame(
        [
            {
                "scenario": x.scenario,
                "users": x.users,
                "n": x.n,
                "p50 (ms)": text(x, "p50"),
                "p95 (ms)": text(x, "p95"),
                **({"whole reply p95 (ms)": text(x, "whole_p95")} if whole else {}),
                "units/s": f"{x.throughput_per_s:.1f}{_bounds(x.throughput)}",
                "CPU (% of a core)": f"{x.cpu_percent:.1f}{_bounds(x.cpu)}",
                "memory (MB)": round(x.memory_mb),
                "failed": failures_text(x.failed, x.finished, x.failed_as),
                "settled after (s)": x.settling.text if x.settling else "",
            }
            for x in levels
        ]
    )


def _bounds(interval: Interval | None) -> str:
    """Show the bounds of a figure that stands before them; nothing where it has none."""
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return f" [{max(interval.low, 0.0):.1f}, {interval.high:.1f}]"


def operation_table(levels: Iterable[Level]) -> pd.DataFrame:
    """Return the response times of each class of operations by level; empty where there is one class."""
    import pandas as pd

    return pd.DataFrame(operation_rows(levels))


def stage_rows(study: Study, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return p50 and p95 of each stage of a unit, in the order of time."""
    from perflab.samples.spans import stage_ms

    found = []
    for stage in study.system.spans.stage:
        values = np.asarray(stage_ms(rows, stage), dtype=float)
        values = values[np.isfinite(values)]
        if len(values):
            found.append(
                {
                    "stage": stage.name,
                    "owner": stage.owner,
                    "inside": stage.inside,
                    "n": len(values),
                    "p50": float(np.quantile(values, 0.5)),
                    "p95": float(np.quantile(values, 0.95)),
                }
            )
    return found


def response_rows(study: Study, trials: Sequence[Trial], arms: dict[str, str]) -> list[dict[str, Any]]:
    """Return every response time by arm: `arms` maps an arm to the name that the figure shows."""
    rows = []
    for trial in trials:
        if trial.spec.arm in arms:
            times = response_ms(counted_rows(trial, study.system.load.unit_kind))
            rows += [{"variant": arms[trial.spec.arm], "value": float(value)} for value in times]
    return rows


def block_table(study: Study, result: BlockResult) -> pd.DataFrame:
    """Return the comparisons of a block experiment as a short table; verdicts stand where the null arms are known."""
    import pandas as pd

    from perflab.experiments.conclude.parts import percent_change
    from perflab.experiments.conclude.tail import tail_of

    rows = []
    for name, column, margin in (
        (f"CPU per {study.system.unit}", "cpu_ms_per_unit", CPU_MARGIN),
        ("response p50", "p50_ms", P50_MARGIN),
        ("response p95", "p95_ms", P95_MARGIN),
        ("peak memory", "memory_mb", MEMORY_MARGIN),
    ):
        blocks = len(result.column(study.system.judge, column))
        try:
            change = percent_change(result.compare(study.system.judge, column, margin))
        except StatisticError as error:
            change = f"cannot be computed, because {error}"
        rows.append({"figure": name, "change": change, "matters from": f"{100 * margin:g} %", "blocks": blocks})
    if result.trials:
        tail = tail_of(study, [read_trial(study, name) for name in result.trials]).text
        rows.append(
            {"figure": "response p99, all units together", "change": tail, "matters from": "", "blocks": blocks}
        )
    return pd.DataFrame(rows)


def screening_table(screening: Screening | None) -> pd.DataFrame:
    """Return what was screened as a short table without verdicts: they come with the fresh blocks."""
    import pandas as pd

    from perflab.experiments.conclude.parts import percent_change

    return pd.DataFrame(
        [
            {
                "flag": effect.arm,
                "CPU, screened": percent_change(effect.comparison),
                "adjusted p": round(effect.screened.adjusted_p, 4),
                "to confirm": "yes" if effect.screened.chosen else "no",
                "answers equal": "{} of {}".format(*effect.equal_answers),
            }
            for effect in (screening.effects if screening else ())
        ]
    )


def degradation_points(result: MatrixResult) -> list[dict[str, Any]]:
    """Return each figure of the steady scenarios as a multiple of its value at the fewest users."""
    steady = result.steady
    rows: list[dict[str, Any]] = []
    for name in ("p50", "p95"):
        base = next((getattr(x, name) for x in steady if getattr(x, name)), None)
        for level in steady:
            interval = getattr(level, name)
            if interval and base:
                rows.append(
                    {
                        "users": level.users,
                        "metric": f"response {name}",
                        "value": interval.value / base.value,
                        "low": interval.low / base.value,
                        "high": interval.high / base.value,
                    }
                )
    for label, column in (("CPU", "cpu_percent"), ("memory", "memory_mb")):
        rows += [
            {"users": x.users, "metric": label, "value": getattr(x, column) / getattr(steady[0], column)}
            for x in steady
            if getattr(steady[0], column)
        ]
    return rows


def seconds_series(study: Study, trial: Trial, variant: str, every_s: float = 2.0) -> list[dict[str, Any]]:
    """Return the p95 of responses for each stretch of `every_s` seconds with at least five units."""
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    good = rows[rows["outcome"] == "ok"]
    at = ((good["intended_ns"].to_numpy() - trial.facts.go_ns) / NS // every_s).astype(int)
    times = response_ms(good)
    return [
        {
            "second": float((bucket + 0.5) * every_s),
            "value": float(np.quantile(times[at == bucket], 0.95)),
            "variant": variant,
        }
        for bucket in sorted(set(at.tolist()))
        if (at == bucket).sum() >= 5
    ]


def users_over_time(trial: Trial) -> list[dict[str, Any]]:
    """Return the users asked for over time, for shading."""
    return [{"second": at, "users": users} for at, users in trial.spec.steps]
