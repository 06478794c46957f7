"""Bar 1: recording 10 million latencies, beside hdrhistogram's own Python port in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.stats.hdr_blob import decode, encode
from perflab.stats.hdr_layout import HOUR_NS, LARGEST
from perflab.stats.recorder import LiveRecorder, Recorder

ORDER = 10
VALUES, ROUNDS, PEER_VALUES, LIVE_VALUES = 10_000_000, 7, 200_000, 200_000
OUTSIDE = (-1, -(1 << 40), HOUR_NS << 2, LARGEST)


def bars(say: Say) -> list[Bar]:
    """Measure recording, the equality of the counts, the blob and the account of what lies outside."""
    values = np.random.default_rng(1).lognormal(16, 1, VALUES).astype(np.int64)  # median 8.9 ms in ns
    try:
        from hdrh.histogram import HdrHistogram  # a development tool: perflab itself does without
    except ImportError:
        return _not_measured("hdrhistogram is not installed: pip install hdrhistogram")
    ours, theirs, live = _timed(values, lambda: HdrHistogram(1, HOUR_NS, 3))
    say(f"  ours {ours:.2f} ns, hdrhistogram {theirs:.0f} ns a value; one value through the live buffer {live:.0f} ns")
    recorder, peer = Recorder(), HdrHistogram(1, HOUR_NS, 3)
    recorder.record_array(values)
    for value in values.tolist():
        peer.record_value(value)
    detail = {"ours_ns": ours, "hdrhistogram_ns": theirs, "live_ns": live, "hdrhistogram_values": PEER_VALUES}
    return [
        Bar("rec-ns", "recording 10 M int64 values, each", ours, "<=", 3.0, "ns", VALUES, detail=detail),
        Bar("rec-ratio", "hdrhistogram's time for a value over ours", theirs / ours, ">=", 150, "x", ROUNDS),
        Bar("rec-same", "counters that differ from hdrhistogram's, 10 M values",
            float(np.count_nonzero(recorder.counts != _counts(peer))), "==", 0, "counters", VALUES),
        Bar("rec-blob", "counters lost in V2 blobs, ours read by hdrhistogram and its read by us",
            float(_lost_in_blobs(recorder, peer, HdrHistogram)), "==", 0, "counters", 2),
        _outside(values, recorder.total),
    ]  # fmt: skip


def _timed(values: NDArray[np.int64], peer: Callable[[], Any]) -> tuple[float, float, float]:
    """Return ns per value of ours, the peer's and our live path: medians of interleaved rounds."""
    Recorder().record_array(values[:10])  # compile
    few, rows = values[:PEER_VALUES].tolist(), []
    for _ in range(ROUNDS):
        recorder, histogram, live = Recorder(), peer(), LiveRecorder(Recorder())
        rows.append((_ns(lambda: recorder.record_array(values)) / VALUES,  # noqa: B023
                     _ns(lambda: _each(histogram.record_value, few)) / PEER_VALUES,  # noqa: B023
                     _ns(lambda: _each(live.record, few)) / LIVE_VALUES))  # noqa: B023  # fmt: skip
    ours, theirs, buffered = np.median(np.array(rows), axis=0)
    return float(ours), float(theirs), float(buffered)


def _ns(call: Callable[[], object]) -> int:
    begin = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begin


def _each(record: Callable[[int], object], values: list[int]) -> None:
    for value in values:
        record(value)


def _counts(histogram: Any) -> NDArray[np.int64]:
    return np.frombuffer(histogram.counts, dtype=np.int64)


def _lost_in_blobs(recorder: Recorder, peer: Any, kind: Any) -> int:
    read_by_it, read_by_us = kind.decode(encode(recorder).encode()), decode(peer.encode())
    return int(np.count_nonzero(_counts(read_by_it) != recorder.counts)
               + np.count_nonzero(read_by_us.counts != recorder.counts))  # fmt: skip


def _outside(values: NDArray[np.int64], total: int) -> Bar:
    """Plant values outside the range among the others, and count those that are not accounted for."""
    planted = np.array(OUTSIDE * 250, dtype=np.int64)
    mixed = np.concatenate((values, planted))
    np.random.default_rng(2).shuffle(mixed)
    recorder = Recorder()
    recorder.record_array(mixed)
    missing = abs(recorder.negative - 500) + abs(recorder.above - 500) + abs(recorder.n - mixed.size)
    exact = recorder.total == total + 250 * sum(OUTSIDE) and recorder.maximum == LARGEST
    return Bar("rec-outside", "values outside the range that are not accounted for, in count, sum or maximum",
               float(missing + (not exact)), "==", 0, "values", planted.size,
               detail={"sum_and_maximum_exact": exact})  # fmt: skip


def _not_measured(why: str) -> list[Bar]:
    asked = (
        ("rec-ns", "<=", 3.0, "ns"),
        ("rec-ratio", ">=", 150.0, "x"),
        ("rec-same", "==", 0.0, "counters"),
        ("rec-blob", "==", 0.0, "counters"),
        ("rec-outside", "==", 0.0, "values"),
    )
    return [Bar(id_, f"recording ({why})", None, sign, limit, unit, detail={"why": why})
            for id_, sign, limit, unit in asked]  # fmt: skip
