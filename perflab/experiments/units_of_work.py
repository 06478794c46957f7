"""Figures of a trial or a segment of it: response times, work done, CPU for each unit of work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.trial import NS, Trial
from perflab.stats.interval import Interval
from perflab.stats.latency import section_minimum_n, sectioned_quantile
from perflab.system.spec import System

if TYPE_CHECKING:
    import pandas as pd

ANSWERED = ("ok", "interrupted")
FAILED = ("error", "timeout", "lost", "shed")
KINDS = {"shed": "refused", "unfinished": "unanswered"}  # outcomes of failed rows in words, where those are others
SILENT_AFTER_S = 10.0  # a unit without a first byte so long after it was due was not answered; loads drain as long


@dataclass(frozen=True)
class Window:
    """A stretch of CLOCK_MONOTONIC time, nanoseconds."""

    start_ns: int
    end_ns: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end_ns - self.start_ns) / NS


def window(trial: Trial, scenario: str = "") -> Window:
    """Return the judged stretch of a trial: one scenario's segments without their warm-up, or all of them."""
    chosen = [s for s in trial.spec.segments if not scenario or s.scenario == scenario]
    go = trial.facts.go_ns
    return Window(
        go + int(min(s.start_s + trial.settle_s(s) for s in chosen) * NS), go + int(max(s.end_s for s in chosen) * NS)
    )


def judged_rows(trial: Trial, kind: str, scenario: str = "", tag: str = "", name: str = "") -> pd.DataFrame:
    """Return the rows of one kind that count: intended inside the segment after its warm-up."""
    units = trial.units
    keep = (units["kind"] == kind) & ~units["warmup"]
    for column, wanted in (("scenario", scenario), ("tag", tag), ("name", name)):
        if wanted:
            keep &= units[column] == wanted
    return units[keep]


def response_ms(rows: pd.DataFrame) -> np.ndarray:
    """Return the response time of each successful row in order of intended start, from the INTENDED start, ms.

    A turn's response is its first reply byte, any other row's its end. Failed rows have no response time: they
    count in the error rate, and a quantile of the others is stated beside it.
    """
    good = rows[rows["outcome"].isin(ANSWERED)]
    times: np.ndarray = (answered_ns(good) - good["intended_ns"].to_numpy(dtype=np.int64)) / 1e6
    return times


def whole_ms(rows: pd.DataFrame) -> np.ndarray:
    """Return when the whole answer of each unit was there, from its INTENDED start, in order of it, ms.

    Of a turn it is the second stop: its first byte may be early because the rest comes late. Units that were
    interrupted or failed have no whole answer.
    """
    good = rows[rows["outcome"] == "ok"]
    times: np.ndarray = (good["end_ns"].to_numpy(np.int64) - good["intended_ns"].to_numpy(np.int64)) / 1e6
    return times


def quantile(times: np.ndarray, q: float) -> Interval | None:
    """Return a quantile of successive response times with its interval by sectioning, or None when n is too small.

    Ten sections where each can hold a sample beyond its own quantile, else five (t with 4 degrees of freedom: a
    wider interval, not a bolder claim). On logarithms, so that no bound falls below zero.
    """
    sections = 10 if len(times) >= section_minimum_n(q, 10) else 5
    try:
        return sectioned_quantile(times, q, sections, log=True)
    except StatisticError:
        return None


def answered_per_s(rows: pd.DataFrame, span: Window) -> float:
    """Return how many units a second were answered inside a window, whenever they were due.

    Counted by when they were due, a level above the capacity would show what it was offered: its backlog is served
    later, at another level.
    """
    at_ns = answered_ns(rows[rows["outcome"].isin(ANSWERED)])
    return float(((at_ns >= span.start_ns) & (at_ns < span.end_ns)).sum()) / span.seconds


def answered_ns(rows: pd.DataFrame) -> np.ndarray:
    """Return when each row was answered, ns int64: a turn by the first byte of its reply, any other row by its end."""
    first, turn = rows["first_ns"].to_numpy(dtype=np.int64), rows["kind"].to_numpy() == "turn"
    at_ns: np.ndarray = np.where(turn & (first > 0), first, rows["end_ns"].to_numpy(dtype=np.int64))
    return at_ns


def failures(rows: pd.DataFrame) -> tuple[int, int]:
    """Return (failed, finished) rows; a row that was never answered is both, one still under way neither."""
    failed, under_way = failed_rows(rows), rows["outcome"] == "unfinished"
    return int(failed.sum()), int((failed | ~under_way).sum())


def failed_rows(rows: pd.DataFrame) -> pd.Series:
    """Return which rows failed: by their outcome, or silent to the end of the load.

    Silent: no first byte came within `SILENT_AFTER_S` of the intended start, when the load ended. A load can end
    before the client gives such a unit up; left out, a system that drops its work would look as good as one that
    does it. A row that was due later than that may yet be answered, and one whose reply had begun is.
    """
    waited_s = (rows["end_ns"] - rows["intended_ns"]) / NS
    silent = (rows["outcome"] == "unfinished") & (rows["first_ns"] == 0) & (waited_s >= SILENT_AFTER_S)
    return rows["outcome"].isin(FAILED) | silent


def kb_per_unit(rows: pd.DataFrame) -> float:
    """Return what an answered unit moved between client and system, both ways, on average, 10^3 bytes.

    As the load file counts it: of frames or bodies, not of headers below them. NaN where nothing was counted.
    """
    good = rows[rows["outcome"].isin(ANSWERED)]
    if good.empty or "bytes_up" not in good:
        return float("nan")
    return float((good["bytes_up"] + good["bytes_down"]).mean()) / 1e3 or float("nan")


def failure_kinds(rows: pd.DataFrame) -> tuple[tuple[str, int], ...]:
    """Return how many rows failed by kind, the most frequent first: timeout, error, lost, refused or unanswered.

    Refused: the system said that it takes no more, which is how a system degrades on purpose. Unanswered: silent to
    the end of the load (see `failed_rows`), which is how it collapses. Together they are the failures of `failures`.
    """
    seen = Counter(KINDS.get(outcome, outcome) for outcome in rows["outcome"][failed_rows(rows)].tolist())
    return tuple(sorted(seen.items(), key=lambda item: (-item[1], item[0])))


def failures_text(failed: int, finished: int, kinds: Iterable[tuple[str, int]], what: str = "") -> str:
    """Show failures with their kinds: ``12 of 400 requests (9 timeout, 3 error)``."""
    told = ", ".join(f"{n:,} {kind}" for kind, n in kinds)
    return f"{failed:,} of {finished:,}{' ' + what if what else ''}" + (f" ({told})" if told else "")


def units_done(rows: pd.DataFrame, span: Window) -> float:
    """Return how many units were done inside a window, each counted by the share of its time that lies inside.

    Whole counts would move by one unit with the edges of a short window; shares do not. A unit that was due and never
    begun is no work: the system has not seen it.
    """
    begun = (rows["kind"] == "turn") | (rows["outcome"] != "unfinished") | (rows["start_ns"] > 0)
    rows = rows[begun]
    start = np.where(rows["start_ns"] > 0, np.minimum(rows["start_ns"], rows["intended_ns"]), rows["intended_ns"])
    if len(rows) and (rows["kind"] == "turn").all():
        first_mark = rows.filter(regex=r"rx_first$")
        if first_mark.shape[1]:
            marks = first_mark.iloc[:, 0].to_numpy(dtype=np.int64)
            start = np.where(marks > 0, np.minimum(start, marks), start)
    end = np.where(rows["end_ns"] > 0, rows["end_ns"], span.end_ns)
    inside = np.clip(np.minimum(end, span.end_ns) - np.maximum(start, span.start_ns), 0, None)
    return float((inside / np.maximum(end - start, 1)).sum())


def cpu_in_window(trial: Trial, process: str, span: Window) -> float:
    """Return a process's CPU seconds inside a window, interpolated between the sensor's readings."""
    rows = trial.resources[trial.resources["process"] == process]
    at, cpu = rows["t_ns"].to_numpy(dtype=np.float64), rows["cpu_s"].to_numpy()
    return float(np.interp(span.end_ns, at, cpu) - np.interp(span.start_ns, at, cpu))


def system_cpu_in_window(trial: Trial, system: System, span: Window) -> float:
    """Return the CPU seconds of the system's own processes inside a window."""
    return sum(cpu_in_window(trial, p.name, span) for p in system.system_processes)


def peak_memory_mb(trial: Trial, system: System, span: Window | None = None) -> float:
    """Return the largest sum of the system's resident sets at one reading, 10^6 bytes.

    The sensor stamps all processes of a reading with one time. Buckets of time would add two readings of one process
    wherever jitter, or the last reading when the sensor stops, puts both into one of them.
    """
    names = {p.name for p in system.system_processes}
    rows = trial.resources[trial.resources["process"].isin(names)]
    if span:
        rows = rows[(rows["t_ns"] >= span.start_ns) & (rows["t_ns"] <= span.end_ns)]
    if rows.empty:
        return 0.0
    return float(rows.groupby("t_ns")["rss_bytes"].sum().max()) / 1e6
