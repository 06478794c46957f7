"""The generator's own figures, from hand-made logs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perflab.load.collect import LatenessTable
from perflab.load.honesty import NS, busiest_percent, honesty
from perflab.load.lateness import BUCKETS

START_S, EARLIER_S = 7.0, 2.5  # the log begins before the load; CPU taken before it


def worker(shares: list[float], index: int = 0) -> tuple[LatenessTable, dict[str, Any]]:
    """Return the log and closing record of a worker that took so much of a core in each second of its load."""
    begin_s = START_S + np.arange(-1, len(shares))
    cpu_s = EARLIER_S + np.append(0.0, np.cumsum(shares))
    n = len(begin_s)
    zeros = np.zeros(n, np.int64)
    table = LatenessTable(
        worker=np.full(n, index), begin_ns=np.round(begin_s * NS).astype(np.int64),
        cpu_ns=np.round(cpu_s * NS).astype(np.int64), asked=zeros, sent=zeros, blocked=zeros, lost=zeros,
        counts=np.zeros((n, BUCKETS), np.int64),
    )  # fmt: skip
    closing = {
        "worker": index, "begin_ns": round(START_S * NS), "end_ns": round((START_S + len(shares)) * NS),
        "cpu_s": sum(shares), "asked": 10, "sent": 10, "blocked": 0, "lost": 0,
    }  # fmt: skip
    return table, closing


def test_a_saturated_top_level_is_not_hidden_by_a_calm_ladder() -> None:
    table, closing = worker([0.1] * 40 + [1.0] * 10 + [0.02] * 10)  # a mean of 24 %
    assert busiest_percent(table, closing) == pytest.approx(100, abs=0.1)
    assert honesty(table, [closing]).cpu_percent == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(
    ("shares", "percent"),
    [([0.3] * 30, 30), ([0.9, 0.1, 0.2], 40), ([1.0] + [0.2] * 9, 36), ([0.2] * 9 + [1.0], 36)],
    ids=["even", "shorter than 5 s", "first second", "last second"],
)
def test_the_busiest_five_seconds(shares: list[float], percent: float) -> None:
    assert busiest_percent(*worker(shares)) == pytest.approx(percent, abs=0.1)


def test_the_busiest_worker_counts_and_not_the_first() -> None:
    (calm, one), (busy, two) = worker([0.1] * 10, 0), worker([0.7] * 10, 1)
    both = LatenessTable(**{name: np.concatenate([getattr(calm, name), getattr(busy, name)]) for name in vars(calm)})
    assert honesty(both, [one, two]).cpu_percent == pytest.approx(70, abs=0.1)


def test_a_worker_without_a_whole_second_has_its_mean() -> None:
    table, closing = worker([])
    closing |= {"end_ns": closing["begin_ns"] + NS // 2, "cpu_s": 0.1}
    table = LatenessTable(**{name: getattr(table, name)[:0] for name in vars(table)})
    assert busiest_percent(table, closing) == pytest.approx(20)
