"""Read the figure that a target asks for out of a trial: value, interval, n and how they were got."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Trial
from perflab.experiments.units_of_work import (
    ANSWERED,
    answered_ns,
    failures,
    judged_rows,
    peak_memory_mb,
    quantile,
    response_ms,
    window,
)
from perflab.experiments.window_parts import cpu_by_part, edges_ns
from perflab.findings.catalogue import QUANTILES
from perflab.findings.finding import TrustCheck
from perflab.stats.interval import Interval
from perflab.stats.latency import NOT_NEGATIVE, sectioned_mean
from perflab.stats.proportion import clopper_pearson
from perflab.system.tables.load import Measure

LONGER, LOGS = "Measure longer, or take --effort full", "Look at the logs of the trial"
MISSED = {  # what to do about a figure of that kind with which a variant misses its limit
    "latency": "Find what takes the time: perflab profile of {variant} ranks it",
    "cpu_percent": "Find what uses the CPU: perflab profile of {variant} ranks it",
    "memory_percent": "Find what holds the memory: perflab profile of {variant} ranks it",
    "error_percent": LOGS,
    "rate_per_min": "Find what breaks first at that load: the level before it, and the logs of the trial",
    "megabytes_per_min": "Find what breaks first at that load: the level before it, and the logs of the trial",
    "sustained_users": "Find what breaks first at that load: the level before it, and the logs of the trial",
}
FAILED = 0.01  # more failed units than this and the figures of the others say little; a level is not held


@dataclass(frozen=True)
class Reading:
    """What a trial says about a metric, in the measure's own unit; `reason`: why there is no `interval`, or so wide.

    `next_step`: what would give one.
    """

    metric: str
    interval: Interval | None
    unit: str
    n: int
    n_unit: str
    reason: str = ""
    next_step: str = ""


def read_measure(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    """Return the reading of one measure in one scenario of a trial.

    `aggregate` is the catalogue's: a percentile for latencies; rates, shares and levels have their own form.
    """
    return _READERS[measure.kind](study, measure, trial, scenario, aggregate)


def answered(measure: Measure, trial: Trial, scenario: str) -> tuple[TrustCheck, ...]:
    """Return the check that almost all units of a latency or a rate did not fail: those that did are in neither."""
    from perflab.findings.trust import nothing_lost

    if measure.kind not in ("latency", "rate_per_min", "megabytes_per_min"):
        return ()
    failed, finished = failures(judged_rows(trial, measure.rows, scenario, measure.tag, measure.name))
    return (nothing_lost(failed, max(finished, 1), f"{measure.rows}s", limit=FAILED),)


def _latency(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    rows = judged_rows(trial, measure.rows, scenario, measure.tag, measure.name)
    times = response_ms(rows)
    if aggregate not in QUANTILES:
        reason = f"a latency is judged on one of {', '.join(QUANTILES)}, not on {aggregate}"
        return Reading(measure.metric, None, "ms", len(times), f"{measure.rows}s", reason)
    found = quantile(times, QUANTILES[aggregate])
    reason = "" if found else f"{len(times)} {measure.rows}s are too few for {aggregate} with an interval"
    return Reading(measure.metric, found, "ms", len(times), f"{measure.rows}s", reason, "" if found else LONGER)


def _rate(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    """Return what was answered inside the window a minute, as a level's throughput is counted: due before it or not."""
    rows = trial.units[trial.units["kind"] == measure.rows]
    for column, wanted in (("tag", measure.tag), ("name", measure.name)):
        rows = rows[rows[column] == wanted] if wanted else rows
    edges = edges_ns(window(trial, scenario))
    counts = np.histogram(answered_ns(rows[rows["outcome"].isin(ANSWERED)]), bins=edges)[0]
    per_min = counts * 60.0 * NS / np.diff(edges)
    return _of_parts(measure, per_min, "requests/min", int(counts.sum()), f"{measure.rows}s")


def _volume(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    """Return what clients sent with the units that were answered inside the window, in 10^6 bytes a minute.

    The bytes of the connection: what frames their content is in them, what was sent outside any unit is not.
    """
    rows = trial.units[(trial.units["kind"] == measure.rows) & trial.units["outcome"].isin(ANSWERED)]
    edges = edges_ns(window(trial, scenario))
    sent, at_ns = rows["bytes_up"].to_numpy(dtype=float), answered_ns(rows)
    per_min = np.histogram(at_ns, bins=edges, weights=sent)[0] * 60.0 * NS / np.diff(edges) / 1e6
    inside = int(((at_ns >= edges[0]) & (at_ns <= edges[-1])).sum())
    made = _of_parts(measure, per_min, "MB/min", inside, f"{measure.rows}s")
    return made if made.reason else replace(made, reason=f"bytes as clients sent them with {measure.rows}s, frames too")


def _errors(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    failed, finished = failures(judged_rows(trial, measure.rows, scenario, measure.tag, measure.name))
    if finished == 0:
        return Reading(measure.metric, None, "%", 0, f"{measure.rows}s", "nothing finished", LOGS)
    share = clopper_pearson(failed, finished)
    percent = Interval(
        100 * share.value,
        100 * (share.low or 0.0),
        100 * (1.0 if share.high is None else share.high),
        share.confidence,
        finished,
        share.method,
    )
    return Reading(measure.metric, percent, "%", finished, f"{measure.rows}s")


def _cpu(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    span = window(trial, scenario)
    return _of_parts(measure, cpu_by_part(trial, study.system, span), "%", int(span.seconds), "seconds")


def _memory(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    budget = study.system.memory_budget_mb
    if not budget:
        undeclared = "the system's file declares no memory_budget_mb"
        return Reading(measure.metric, None, "%", 0, "samples", undeclared, "Declare memory_budget_mb")
    peak = 100 * peak_memory_mb(trial, study.system, window(trial, scenario)) / budget
    return Reading(measure.metric, Interval(peak, peak, peak, 1.0, 1, "largest value seen"), "%", 1, "peak")


def _sustained(study: Study, measure: Measure, trial: Trial, scenario: str, aggregate: str) -> Reading:
    """Return the users of a level: from 0 unless surely fewer than 1 % of its units failed, up to 0 if surely more."""
    users = next(s.users for s in trial.spec.segments if s.scenario == scenario)
    failed, finished = failures(judged_rows(trial, measure.rows, scenario))
    if finished == 0:
        return Reading(measure.metric, None, "sessions", 0, f"{measure.rows}s", "nothing finished", LOGS)
    share = clopper_pearson(failed, finished)
    low = users if share.high is not None and share.high < FAILED else 0
    high = 0 if (share.low or 0.0) >= FAILED else users
    held = Interval(
        users if share.value < FAILED else 0, low, high, share.confidence, finished, f"{share.method} of failures"
    )
    seen = f"{failed} of {finished} {measure.rows}s failed at {users} users"
    if low < high:
        needed = math.ceil(math.log(1 - share.confidence) / math.log(1 - FAILED))
        seen += f"; that fewer than {100 * FAILED:g} % do takes at least {needed} without a failure to show"
    return Reading(measure.metric, held, "sessions", finished, f"{measure.rows}s", seen)


def _of_parts(measure: Measure, values: np.ndarray, unit: str, n: int, n_unit: str) -> Reading:
    """Bound a mean from its values part by part, in ten sections; parts that are all equal bound themselves."""
    if len(values) and float(np.ptp(values)) == 0.0:
        same = float(values[0])
        whole = Interval(same, same, same, 1.0, len(values), f"equal in {len(values)} parts")
        return Reading(measure.metric, whole, unit, n, n_unit)
    try:
        found = sectioned_mean(values, within=NOT_NEGATIVE)
    except StatisticError as error:
        return Reading(measure.metric, None, unit, n, n_unit, str(error), LONGER)
    return Reading(measure.metric, found, unit, n, n_unit)


_READERS = {
    "latency": _latency,
    "rate_per_min": _rate,
    "megabytes_per_min": _volume,
    "error_percent": _errors,
    "cpu_percent": _cpu,
    "memory_percent": _memory,
    "sustained_users": _sustained,
}
