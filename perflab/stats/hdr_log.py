"""HdrHistogram's interval log (.hlog), version 1.3: one histogram per interval, for its own tools and viewers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from perflab.stats.hdr_blob import encode
from perflab.stats.recorder import Recorder

VERSION = "1.3"
LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
NS_PER_MS = 1e6


@dataclass(frozen=True)
class LoggedInterval:
    """One line of the log: where it starts, in seconds after the log's begin, its length, and what was recorded."""

    start_s: float
    length_s: float
    recorder: Recorder


def hlog(intervals: Iterable[LoggedInterval], begin_epoch_s: float, comments: Iterable[str] = ()) -> str:
    """Return the text of an interval log of recorders in nanoseconds.

    Timestamps are seconds after `begin_epoch_s`, which stands in the log as start and base time; Interval_Max is in
    milliseconds, as HistogramLogProcessor expects it of nanoseconds. Values outside a recorder's range have no place
    in a blob: they are told in a comment before their line, never left out in silence.
    Source: HdrHistogram, HistogramLogWriter and HistogramLogReader.
    """
    when = datetime.fromtimestamp(begin_epoch_s, UTC).isoformat(" ", "milliseconds")
    lines = [f"#{' '.join(comment.split())}" for comment in comments]
    lines += [f"#[Histogram log format version {VERSION}]",
              f"#[BaseTime: {begin_epoch_s:.3f} (seconds since epoch)]",
              f"#[StartTime: {begin_epoch_s:.3f} (seconds since epoch), {when}]", LEGEND]  # fmt: skip
    for interval in intervals:
        lines += _lines(interval)
    return "\n".join(lines) + "\n"


def _lines(interval: LoggedInterval) -> list[str]:
    recorder = interval.recorder
    outside = recorder.negative + recorder.above
    told = f"#{outside} values outside the range: {recorder.negative} negative, {recorder.above} above"
    highest = recorder.maximum / NS_PER_MS if recorder.n else 0.0
    line = f"{interval.start_s:.3f},{interval.length_s:.3f},{max(highest, 0.0):.3f},{encode(recorder)}"
    return [told, line] if outside else [line]
