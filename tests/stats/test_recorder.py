"""The recorder: HdrHistogram's buckets, nothing dropped, blobs and logs that its own readers understand."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.errors import StatisticError
from perflab.stats.hdr_blob import COMPRESSED, INNER, OUTER, PLAIN, decode, encode
from perflab.stats.hdr_layout import HOUR_NS, LARGEST, Layout
from perflab.stats.hdr_log import LoggedInterval, hlog
from perflab.stats.latency import order_statistic_interval, recorded_quantile_interval
from perflab.stats.recorder import LiveRecorder, Recorder

LIMITS = [(1, HOUR_NS, 3), (1, 3_600_000, 2), (1000, 10_000_000_000, 3), (700, 1 << 40, 1), (1, LARGEST, 3), (8, 99, 4)]
VALUES = st.lists(st.one_of(st.integers(0, 5000), st.integers(0, LARGEST), st.integers(-5, -1)), max_size=60)


def theirs(values, lowest=1, highest=HOUR_NS, digits=3):
    histogram = HdrHistogram(lowest, highest, digits)
    for value in values:
        histogram.record_value(int(value))
    return histogram


def ours(values, *limits):
    recorder = Recorder(*limits)
    recorder.record_array(np.array(values, dtype=np.int64))
    return recorder


def counts_of(histogram):
    return np.frombuffer(histogram.counts, dtype=np.int64)


@settings(max_examples=120, deadline=None)
@given(VALUES, st.sampled_from(LIMITS))
def test_counts_are_hdrhistograms_and_nothing_is_dropped(values, limits):
    recorder, oracle = ours(values, *limits), theirs(values, *limits)
    assert np.array_equal(recorder.counts, counts_of(oracle))
    assert recorder.n == len(values) and recorder.in_range == oracle.total_count
    assert recorder.negative == sum(v < 0 for v in values)
    assert recorder.above == sum(v > recorder.layout.limit for v in values)
    assert recorder.below == sum(0 <= v < limits[0] for v in values)
    assert recorder.total == sum(values)
    if values:
        assert (recorder.minimum, recorder.maximum) == (min(values), max(values))


def test_chunks_with_and_without_outsiders_count_the_same():
    rng = np.random.default_rng(1)
    values = rng.lognormal(16, 1.5, 50_000).astype(np.int64)
    values[[100, 9000, 49_999]] = -3, HOUR_NS * 8, 0
    recorder, oracle = ours(values), theirs(values)
    assert np.array_equal(recorder.counts, counts_of(oracle)) and recorder.total == int(values.sum())
    assert (recorder.negative, recorder.above, recorder.below, recorder.n) == (1, 1, 1, 50_000)


def test_sums_beyond_one_word_are_exact():
    recorder = ours([LARGEST, LARGEST, LARGEST, -LARGEST - 1], 1, 1 << 40, 3)
    assert recorder.total == 2 * LARGEST - 1 and recorder.mean == (2 * LARGEST - 1) / 4


@pytest.mark.parametrize("limits", LIMITS)
def test_every_bucket_begins_where_the_one_before_ends(limits):
    layout, end = Layout(*limits), -1
    for index in [*range(5000), *range(layout.counters - 5000, layout.counters)]:
        if not 0 <= index < layout.counters:
            continue
        low, high = layout.bounds(index)
        assert layout.index(low) == index == layout.index(high)
        assert index in (0, layout.counters - 5000) or low == end + 1
        assert high - low < max(low / 10 ** limits[2], 1 << layout.unit_magnitude)
        end = high
    assert end == layout.limit >= limits[1]


@pytest.mark.parametrize(
    ("limits", "message"),
    [((0, 10, 3), "lowest"), ((10, 15, 3), "lowest"), ((1, 10, 0), "digits"), ((1, 10, 6), "digits"),
     ((1, LARGEST + 1, 3), "lowest"), ((1, LARGEST, 5), "counters"), ((1 << 58, 1 << 61, 3), "63 bits")],
)  # fmt: skip
def test_limits_that_no_histogram_can_have(limits, message):
    with pytest.raises(StatisticError, match=message):
        Recorder(*limits)


@pytest.mark.parametrize(
    ("values", "message"),
    [([1.0, 2.0], "whole"), ([float("nan")], "whole"), (["a"], "whole"), ([True], "whole"), ([[1]], "dimensions"),
     (np.array([1 << 63], dtype=np.uint64), "63 bits")],
)  # fmt: skip
def test_only_whole_numbers_are_recorded(values, message):
    recorder = Recorder()
    with pytest.raises(StatisticError, match=message):
        recorder.record_array(values)
    assert recorder.n == 0


def test_an_empty_recorder_has_no_figures():
    recorder = Recorder()
    recorder.record_array([])
    for read in (lambda: recorder.minimum, lambda: recorder.mean, lambda: recorder.quantile(0.5)):
        with pytest.raises(StatisticError, match="Nothing was recorded"):
            read()


@pytest.mark.parametrize("q", [0.001, 0.1, 0.5, 0.9, 0.99, 0.999])
def test_the_quantile_lies_in_its_bucket(q):
    values = np.random.default_rng(2).lognormal(15, 2, 5000).astype(np.int64) - 100_000
    recorder = ours(values)
    assert recorder.negative > 0
    low, high = recorder.quantile(q)
    assert low <= np.quantile(values, q, method="inverted_cdf") <= high
    assert high - low <= max(abs(high) * 1.1e-3, 1) or low < 0


def test_outsiders_take_their_place_in_the_ranks():
    recorder = ours([-7, -5, 10, 20, 1 << 50, 1 << 52], 1, 1 << 40, 3)
    assert [recorder.rank_bounds(k) for k in (1, 3, 4, 6)] == [(-7, -1), (10, 10), (20, 20), (1 << 41, 1 << 52)]
    with pytest.raises(StatisticError, match="Rank 7"):
        recorder.rank_bounds(7)


@settings(max_examples=30, deadline=None)
@given(VALUES, VALUES)
def test_merging_is_recording_both(first, second):
    merged, whole = ours(first), ours([*first, *second])
    merged.merge(ours(second))
    assert np.array_equal(merged.counts, whole.counts) and merged.total == whole.total and merged.n == whole.n
    if whole.n:
        assert (merged.minimum, merged.maximum) == (whole.minimum, whole.maximum)


def test_other_buckets_cannot_be_merged():
    with pytest.raises(StatisticError, match="same buckets"):
        Recorder().merge(Recorder(digits=2))


def test_the_live_path_counts_every_value():
    values = np.random.default_rng(3).integers(-5, 10**7, 1000)
    with LiveRecorder(Recorder(), size=64) as live:
        for value in values.tolist():
            live.record(value)
    assert np.array_equal(live.recorder.counts, ours(values).counts) and live.recorder.n == 1000
    with pytest.raises(StatisticError, match="at least one"):
        LiveRecorder(Recorder(), size=0)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99, 0.01])
def test_interval_of_counts_holds_that_of_the_samples(q):
    values = np.random.default_rng(4).lognormal(16, 1, 4000).astype(np.int64)
    raw, counted = order_statistic_interval(values, q), recorded_quantile_interval(ours(values), q)
    assert counted.low <= raw.low and raw.high <= counted.high and counted.confidence == raw.confidence
    assert counted.low == pytest.approx(raw.low, rel=1.1e-3) and counted.high == pytest.approx(raw.high, rel=1.1e-3)
    assert raw.low <= counted.value <= raw.high and counted.n == 4000


def test_interval_of_few_or_equal_counts():
    values = np.random.default_rng(5).integers(1, 10**6, 367)
    assert not recorded_quantile_interval(ours(values), 0.99).two_sided
    with pytest.raises(StatisticError, match="one number only"):
        recorded_quantile_interval(ours([5] * 500), 0.5)
    with pytest.raises(StatisticError, match="Nothing"):
        recorded_quantile_interval(Recorder(), 0.5)
    with pytest.raises(StatisticError, match="no bound"):
        recorded_quantile_interval(ours([1, 2]), 0.5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, HOUR_NS), max_size=60), st.sampled_from(LIMITS[:4]))
def test_blobs_cross_both_ways(values, limits):
    recorder, oracle = ours(values, *limits), theirs(values, *limits)
    assert np.array_equal(counts_of(HdrHistogram.decode(encode(recorder).encode())), recorder.counts)
    back = decode(oracle.encode())
    assert back.layout == recorder.layout and np.array_equal(back.counts, recorder.counts) and not back.exact
    if back.n:
        assert back.minimum <= max(recorder.minimum, 0) and back.n == recorder.in_range


def test_large_counts_fill_nine_bytes():
    recorder = Recorder(1, 10_000, 3)
    counts = np.zeros_like(recorder.counts)
    counts[[0, 5, 7]] = LARGEST >> 1, 1 << 61, 3
    recorder.take_counts(counts)
    back = decode(encode(recorder))
    assert np.array_equal(back.counts, counts) and back.n == recorder.n
    assert np.array_equal(counts_of(HdrHistogram.decode(encode(recorder).encode())), counts)


def blob(words=b"", *, cookie=PLAIN, outer=COMPRESSED, length=None, offset=0, limits=(3, 1, HOUR_NS), ratio=1.0):
    body = INNER.pack(cookie, len(words) if length is None else length, offset, *limits, ratio) + words
    squeezed = zlib.compress(body)
    return base64.b64encode(OUTER.pack(outer, len(squeezed)) + squeezed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 bytes"), ("!!!", "not base64"), ("é", "not base64"), (base64.b64encode(b"12345678"), "begins with"),
        (blob()[:-8], "announces"), (blob(outer=0x1C849301), "begins with"), (blob(cookie=0x1C849301), "begin with"),
        (blob(length=9), "announces 9"), (blob(offset=1), "shifted"), (blob(ratio=0.5), "scaled"),
        (blob(limits=(9, 1, 100)), "limits"), (blob(limits=(5, 1, LARGEST)), "limits"),
        (blob(b"\x80"), "within a count"),
        (blob(b"\xff" * 9), "more than its"), (blob(b"\x02" * 80_000), "more than its"),
        (blob(b"\xfe" + b"\xff" * 8 + b"\x02"), "2^63"),
        (base64.b64encode(OUTER.pack(COMPRESSED, 3) + b"abc"), "damaged"),
        (base64.b64encode(OUTER.pack(COMPRESSED, 9) + zlib.compress(bytes(99))[:9]), "cut off"),
        (base64.b64encode(OUTER.pack(COMPRESSED, 10) + zlib.compress(b"ab")), "header has 2"),
        ("A" * 30_000_000, "characters"),
    ],
)  # fmt: skip
def test_a_hostile_blob_is_one_clear_error(text, message):
    with pytest.raises(StatisticError, match="no HdrHistogram V2 blob") as caught:
        decode(text)
    assert message in str(caught.value)


def test_a_bomb_is_not_unpacked():
    squeezed = zlib.compress(bytes(200_000_000), 9)
    with pytest.raises(StatisticError, match="larger than"):
        decode(base64.b64encode(struct.pack(">II", COMPRESSED, len(squeezed)) + squeezed))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_blob_never_breaks_otherwise(place, byte):
    raw = bytearray(base64.b64decode(encode(ours(range(1, 3000, 7)))))
    raw[place % len(raw)] = byte
    try:
        decode(base64.b64encode(bytes(raw)))
    except StatisticError as error:
        assert "no HdrHistogram V2 blob" in str(error)


def test_the_interval_log_is_read_by_its_own_reader(tmp_path):
    seconds = [ours([1000, 2000]), Recorder(), ours([5_000_000, -1, 1 << 60])]
    file = tmp_path / "load.hlog"
    file.write_text(hlog([LoggedInterval(float(i), 1.0, r) for i, r in enumerate(seconds)], 1_700_000_000.25, ["a\nb"]))
    reader = HistogramLogReader(str(file), HdrHistogram(1, HOUR_NS, 3))
    for i, recorder in enumerate(seconds):
        read = reader.get_next_interval_histogram()
        assert np.array_equal(counts_of(read), recorder.counts)
        assert read.get_start_time_stamp() == pytest.approx((1_700_000_000.25 + i) * 1000)
        assert read.get_end_time_stamp() - read.get_start_time_stamp() == pytest.approx(1000)
    assert reader.get_next_interval_histogram() is None
    lines = file.read_text().splitlines()
    assert lines[0] == "#a b" and lines[1] == "#[Histogram log format version 1.3]"
    assert "#2 values outside the range: 1 negative, 1 above" in lines and lines[5].startswith("0.000,1.000,0.002,")


def test_every_bar_of_recording_is_named_where_it_cannot_be_measured():
    from perflab.benches.stats.recording import _not_measured

    bars = _not_measured("why")
    assert [bar.id for bar in bars] == ["rec-ns", "rec-ratio", "rec-same", "rec-blob", "rec-outside"]
    assert not any(bar.holds for bar in bars)
