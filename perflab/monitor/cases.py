"""Cases for promtool: series that must make an alert fire, and series that must leave it quiet.

Each case is meant to die with one mistake: a threshold off by far, a flipped comparison, a window too long or too
short, a lost traffic floor. Fast ones step by a minute, slow ones by ten: long windows in small steps take minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.monitor.burn import BurnWindow
from perflab.monitor.metric_map import MetricMap, Series

if TYPE_CHECKING:
    from perflab.monitor.objectives import Objective

_MINUTES = {"m": 1, "h": 60}
PER_MINUTE = 100.0


@dataclass(frozen=True)
class Case:
    """Series in promtool's notation, one value per `step_min`; minute of the check; whether the alert fires.

    `instance`: the one that fires, for an alert that judges each instance alone.
    """

    title: str
    series: tuple[tuple[str, str], ...]
    at_min: int
    fires: bool
    step_min: int = 1
    instance: str = ""


def minutes(window: str) -> int:
    """Return the minutes of a window such as ``30m`` or ``6h``."""
    return int(window[:-1]) * _MINUTES[window[-1]]


def burn_cases(
    objective: Objective, series: MetricMap, window: BurnWindow, limit: float, floor: float
) -> tuple[Case, ...]:
    """Return the five cases of a burn alert: burning, just not, too little traffic, over by now, only just begun."""
    step = 10 if window.is_slow else 1
    long, short = minutes(window.long), minutes(window.short)
    hot, cool = min(limit * 1.3, (1 + limit) / 2), limit * 0.7
    lasting = long + short

    def case(title: str, fires: bool, *phases: tuple[int, float], per_minute: float = PER_MINUTE) -> Case:
        events = _events(objective, series, [(length // step, per_minute * step, bad) for length, bad in phases])
        return Case(title, events, sum(length for length, _ in phases), fires, step)

    return (
        case("burns above the threshold", True, (lasting, hot)),
        case("burns below the threshold", False, (lasting, cool)),
        case("burns without traffic to speak of", False, (lasting, hot), per_minute=floor * 60 * 0.5),
        case("burned and has stopped", False, (lasting, 1.0), (short + 2 * step, 0.0)),
        case("has only just begun", False, (lasting, 0.0), (short, min(hot, limit * long / short * 0.5))),
    )


def missed_cases(objective: Objective, series: MetricMap, floor: float) -> tuple[Case, ...]:
    """Return the cases of the warning: just above the objective, just below, and without traffic."""
    budget = objective.budget
    above = [(45, PER_MINUTE * 10, min(budget * 1.3, (1 + budget) / 2))]
    below = [(45, PER_MINUTE * 10, budget * 0.7)]
    little = [(45, floor * 60 * 0.5, min(budget * 4, 1.0))]
    return (
        Case("more bad events than the objective allows", _events(objective, series, above), 45, True),
        Case("as many as it allows", _events(objective, series, below), 45, False),
        Case("too few events to say", _events(objective, series, little), 45, False),
    )


def blind_cases(objective: Objective, histogram: Series, job: str) -> tuple[Case, ...]:
    """Return the cases of a histogram with the edge, with edges on both sides of it only, and of none at all."""

    def bucket(le: str) -> tuple[str, str]:
        return histogram.sample(job, "_bucket", f'le="{le}"'), "0+10x30"

    count, other = (histogram.sample(job, "_count"), "0+10x30"), (('up{job="other"}', "1x30"),)
    around = (bucket(f"{objective.le / 2:g}"), bucket(f"{objective.le * 2:g}"), bucket("+Inf"), count)
    return (
        Case("has no edge at the limit", around, 30, True),
        Case("has the edge", (*around, bucket(_edge_text(objective.le))), 30, False),
        Case("is not exported at all", other, 30, False),
    )


def _edge_text(le: float) -> str:
    """Return a bucket edge as Python's exporter writes it."""
    return f"{le:g}.0" if le == int(le) else f"{le:g}"


def level_cases(name: str, series: MetricMap, limit: float, of: float) -> tuple[Case, ...]:
    """Return the cases of a threshold on CPU or memory of one instance: a tenth above and a tenth below it.

    Of two instances one alone is above, which their mean is not; or both are below, which their sum is not.
    """

    def used(instance: str, factor: float) -> tuple[str, str]:
        label, value = f'instance="{instance}"', limit * factor * of
        if name == "Cpu":
            return series.cpu.sample(series.job, "", label), f"0+{60 * value:g}x40"
        return series.memory.sample(series.job, "", label), f"{value:.0f}x40"

    return (
        Case("one of two instances above the limit", (used("a", 0.3), used("b", 1.1)), 40, True, instance="b"),
        Case("both below the limit", (used("a", 0.9), used("b", 0.9)), 40, False),
    )


def down_cases(series: MetricMap) -> tuple[Case, ...]:
    """Return the cases of a system that answers, fails its scrapes, or is no longer there."""
    up = f'up{{job="{series.job}",instance="a"}}'
    return (
        Case("answers", ((up, "1x10"),), 10, False),
        Case("fails its scrapes", ((up, "1x3 0x9"),), 10, True),
        Case("is gone from the configuration", (('up{job="other"}', "1x10"),), 10, True),
    )


def absent_cases(part: Series, series: MetricMap) -> tuple[Case, ...]:
    """Return the cases of a series that is exported, and one that is not."""
    return (
        Case("is exported", ((part.sample(series.job), "0x30"),), 30, False),
        Case("is not exported", (('up{job="other"}', "1x30"),), 30, True),
    )


def stalled_cases(series: MetricMap) -> tuple[Case, ...]:
    """Return the cases of people who are served, wait for nothing, or are not there; and of one who is silent."""
    open_, done = series.traffic.sample(series.job), series.units.sample(series.job)
    return (
        Case("people are served", ((open_, "5x40"), (done, "0+3x40")), 40, False),
        Case("nothing finishes", ((open_, "5x40"), (done, "9x40")), 40, True),
        Case("one client stays connected and silent", ((open_, "1x40"), (done, "9x40")), 40, False),
        Case("nobody is there", ((open_, "0x40"), (done, "9x40")), 40, False),
    )


def _events(
    objective: Objective, series: MetricMap, phases: list[tuple[int, float, float]]
) -> tuple[tuple[str, str], ...]:
    """Return counters for phases of (steps, events per step, share that is bad)."""
    everything = _ramp([(steps, events) for steps, events, _ in phases])
    if objective.histogram is None:
        good = _ramp([(steps, events * (1 - bad)) for steps, events, bad in phases])
        failed = _ramp([(steps, events * bad) for steps, events, bad in phases])
        return ((series.fine[0].sample(series.job), good), (series.bad[0].sample(series.job), failed))
    fast = _ramp([(steps, events * (1 - bad)) for steps, events, bad in phases])
    edge = f'le="{_edge_text(objective.le)}"'
    histogram = objective.histogram
    return (
        (histogram.sample(series.job, "_bucket", edge), fast),
        (histogram.sample(series.job, "_bucket", 'le="+Inf"'), everything),
        (histogram.sample(series.job, "_count"), everything),
    )


def _ramp(phases: list[tuple[int, float]]) -> str:
    """Write a counter that rises by so much per step, phase after phase, in promtool's notation."""
    parts, value = [], 0.0
    for i, (steps, rise) in enumerate(phases):
        start = value if i == 0 else value + rise
        parts.append(f"{start:.10g}+{rise:.10g}x{steps if i == 0 else steps - 1}")
        value = start + rise * (steps if i == 0 else steps - 1)
    return " ".join(parts)
