"""A trial's response times as an HdrHistogram interval log, for the tools and viewers that read one."""

from __future__ import annotations

import time

import numpy as np

from perflab.experiments.trial import NS, Trial
from perflab.experiments.units_of_work import failures, judged_rows, response_ms, window
from perflab.stats.hdr_log import LoggedInterval, hlog
from perflab.stats.recorder import Recorder

NS_PER_MS = 1e6


def interval_log(trial: Trial, kind: str, scenario: str = "") -> tuple[str, int]:
    """Return the log's text and how many response times it holds, in ns from the INTENDED start, a line per second.

    A unit counts in the second in which it should have begun, so a second of the log is a second of demand. The rows
    are those that are judged: settling time is left out, failed units have no response time and are told in a comment.
    A copy for other tools: with 3 digits a value read back is up to 0.1 % off; our own figures come from the rows.
    """
    span, rows = window(trial, scenario), judged_rows(trial, kind, scenario)
    seconds = (rows["intended_ns"] - span.start_ns) // NS
    intervals = []
    for second in range(int(np.ceil(span.seconds))):
        recorder = Recorder()
        recorder.record_array(np.rint(response_ms(rows[seconds == second]) * NS_PER_MS).astype(np.int64))
        intervals.append(LoggedInterval(float(second), min(1.0, span.seconds - second), recorder))
    failed, finished = failures(rows)
    comments = (
        f"[perflab: {trial.spec.variant}, {kind}s, response time in ns from the intended start]",
        f"[{failed} of {finished} finished units failed and are not in the histograms]",
    )
    begin = time.time() + (span.start_ns - time.monotonic_ns()) / NS
    return hlog(intervals, begin, comments), sum(interval.recorder.n for interval in intervals)
