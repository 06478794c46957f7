"""A trial's rows as an interval log: each judged unit once, in the second of its intended start."""

import numpy as np
import pandas as pd
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from perflab.experiments.interval_log import interval_log
from perflab.experiments.trial import NS, Segment, Trial, TrialFacts, TrialSpec

GO = 50 * NS


def trial_of(intended_s, response_ns, outcome, settle_s=1.0):
    intended = GO + (np.array(intended_s) * NS).astype(np.int64)
    units = pd.DataFrame({
        "kind": "request", "name": "get", "tag": "", "scenario": "load", "outcome": outcome, "first_ns": 0,
        "warmup": np.array(intended_s) < settle_s, "intended_ns": intended, "end_ns": intended + response_ns,
    })  # fmt: skip
    spec = TrialSpec("t", "baseline", (), 4.0, (Segment("load", 0.0, 4.0, 5, settle_s),))
    return Trial(TrialFacts(spec, GO, 0, {}, {}, False, 0.0, {}, 0.0), units, pd.DataFrame(), pd.DataFrame())


def test_each_judged_unit_is_in_the_second_of_its_intended_start(tmp_path):
    rng = np.random.default_rng(1)
    at, response = np.sort(rng.uniform(0, 4, 500)), rng.lognormal(16, 1, 500).astype(np.int64)
    outcome = np.where(np.arange(500) % 10 == 0, "error", "ok")
    text, units = interval_log(trial_of(at, response, outcome), "request", "load")
    keep = (at >= 1) & (outcome == "ok")
    assert units == keep.sum()
    file = tmp_path / "a.hlog"
    file.write_text(text)
    reader, oracle = HistogramLogReader(str(file), HdrHistogram(1, 3_600_000_000_000, 3)), None
    for second in range(3):
        oracle = HdrHistogram(1, 3_600_000_000_000, 3)
        for value in response[keep & (np.floor(at - 1) == second)]:
            oracle.record_value(int(value))
        read = reader.get_next_interval_histogram()
        assert list(read.counts) == list(oracle.counts)
    assert reader.get_next_interval_histogram() is None
    failed = int(((outcome == "error") & (at >= 1)).sum())
    assert f"#[{failed} of {int((at >= 1).sum())} finished units failed" in text


def test_no_units_is_a_log_without_values():
    text, units = interval_log(
        trial_of([], np.array([], dtype=np.int64), np.array([], dtype=object)), "request", "load"
    )
    assert units == 0 and text.count("HISTFAAAA") == 3


def test_a_response_before_its_intended_start_is_told():
    text, units = interval_log(trial_of([2.5], np.array([-5]), np.array(["ok"])), "request", "load")
    assert units == 1 and "1 values outside the range: 1 negative" in text
    assert pytest.approx(0.0) == float(text.split("\n")[-3].split(",")[2])
