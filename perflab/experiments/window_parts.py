"""A rate and a share of CPU over one window, bounded by how they move from part to part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.trial import NS, Trial
from perflab.experiments.units_of_work import ANSWERED, Window, answered_ns
from perflab.stats.interval import Interval
from perflab.stats.latency import NOT_NEGATIVE, sectioned_mean
from perflab.system.spec import System

if TYPE_CHECKING:
    import pandas as pd

PARTS = 20  # at least: ten sections of two


def edges_ns(span: Window) -> np.ndarray:
    """Return the edges of 20 equal parts of a window, or of its seconds where it is longer than 20 s."""
    return np.linspace(span.start_ns, span.end_ns, max(PARTS, int(span.seconds)) + 1)


def answered_by_part(rows: pd.DataFrame, span: Window) -> np.ndarray:
    """Return how many units a second were answered in each part of a window, whenever they were due."""
    edges = edges_ns(span)
    counts = np.histogram(answered_ns(rows[rows["outcome"].isin(ANSWERED)]), bins=edges)[0]
    per_s: np.ndarray = counts * NS / np.diff(edges)
    return per_s


def cpu_by_part(trial: Trial, system: System, span: Window) -> np.ndarray:
    """Return what the system's own processes used in each part of a window, percent of one core."""
    edges = edges_ns(span)
    total = np.zeros(len(edges))
    for process in system.system_processes:
        rows = trial.resources[trial.resources["process"] == process.name]
        total += np.interp(edges, rows["t_ns"].to_numpy(dtype=float), rows["cpu_s"])
    percent: np.ndarray = 100 * np.diff(total) * NS / np.diff(edges)
    return percent


def bounded(parts: np.ndarray) -> Interval | None:
    """Return the mean over parts in order of time with its interval; None where they do not move or are not numbers.

    Weakness: parts that are shorter than a unit takes depend on each other, and the interval is then too narrow.
    """
    try:
        return sectioned_mean(parts, within=NOT_NEGATIVE)
    except StatisticError:
        return None
