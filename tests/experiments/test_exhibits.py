"""The exhibits show what they claim, against truths that are known without them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, ttest_1samp

from perflab.experiments.conclude.lies import stall_check
from perflab.experiments.exhibits.block_design import compare_designs
from perflab.experiments.exhibits.coordinated_omission import StallSeen, watch_a_stall
from perflab.experiments.exhibits.naive_interval import LOAD, SERVICE_MS, cover, response_ms
from perflab.experiments.exhibits.noise_model import pair_noise
from perflab.experiments.exhibits.peeking import _looks, _t_values, peek, precision_stop
from perflab.stats.signed_rank import hodges_lehmann
from perflab.stats.stopping import StopRule


def test_a_real_stall_is_seen_by_open_arrivals_and_not_by_a_closed_loop() -> None:
    seen = watch_a_stall(seconds=2.0, stall_s=0.6, rate=250.0)
    assert 0.6 <= seen.stall_s < 1.5 and 1 <= seen.held <= 3
    assert abs(seen.p99("open") / seen.truth_ms - 1) < 0.15 and seen.p99("open") > 5 * seen.p99("closed")
    assert seen.open_ms.size == 500 and (seen.open_ms >= seen.open_service_ms - 0.001).all()
    assert "into the stall" in seen.sentence and len(seen.rows()) == 500 + seen.closed_ms.size


def test_an_open_load_that_misses_the_stall_fails_its_check() -> None:
    quick = np.full(1000, 0.2)
    assert not stall_check(StallSeen(quick, quick, quick, 2.0, 500.0, 6.0)).passed


def test_t_values_are_those_of_the_textbook() -> None:
    steps = pair_noise(np.random.default_rng(1), 4, 12)
    assert np.allclose(_t_values(steps)[:, 8], ttest_1samp(steps[:, :9], 0, axis=1).statistic)


def test_peeking_alarms_often_and_precision_does_not() -> None:
    seen = peek(3, studies=300)
    assert seen.by_peeking[-1] > 0.20 > 0.10 > seen.by_precision[-1]
    assert (np.diff(seen.by_peeking) >= 0).all() and (np.diff(seen.by_precision) >= 0).all()


def test_the_exhibit_looks_when_the_products_rule_looks() -> None:
    rule = StopRule(0.01, most=100)
    assert _looks(100) == [n for n in range(1, 101) if rule.is_look(n)] and _looks(100)[:4] == [15, 19, 24, 30]


def test_the_precision_stop_claims_what_the_interval_at_that_moment_claims() -> None:
    steps = pair_noise(np.random.default_rng(2), 10, 60)
    stop, differs = precision_stop(steps)
    for k, row in enumerate(steps):
        assert differs[k] == hodges_lehmann(row[: stop[k]]).excludes(0.0)


def test_blocks_get_worse_with_more_data_and_interleaving_does_not() -> None:
    seen = compare_designs(4, studies=300)
    assert seen.in_blocks[40] > seen.in_blocks[6] > 0.08 and seen.in_blocks[40] > 0.4
    assert all(share < 0.10 for share in seen.interleaved.values())
    assert "more data makes it worse" in seen.sentence


def test_the_simulated_queue_has_the_known_law() -> None:
    chance = np.random.default_rng(5)
    last = [response_ms(chance, 40)[-1] for _ in range(600)]  # one from each run: independent
    assert kstest(last, "expon", args=(0, SERVICE_MS / (1 - LOAD))).pvalue > 0.001


def test_naive_intervals_miss_and_sectioned_ones_hold() -> None:
    seen = cover(6, runs=25)
    assert seen.held("naive") < 14 and seen.held("sectioned") > 19
    assert seen.truth_ms == pytest.approx(230.26, abs=0.01) and len(seen.rows()) == 50
