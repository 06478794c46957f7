"""The judging of the busy-machine bars, on times whose truth is known: no hogs, no clock."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.benches.stats.injected_elsewhere import QUIET
from perflab.benches.stats.noisy_machine import EFFECTS, ESTIMATORS, PAIRS, Blocked, judged, row
from perflab.instrument.paired_times import PairedTimes
from perflab.instrument.paired_timing import NULL

COMPARISONS, REPETITIONS = 60, 5


def blocked(drift: float) -> Blocked:
    rng = np.random.default_rng(2)
    level = np.exp(drift * np.arange(2 * PAIRS) / (2 * PAIRS))[None, :, None]
    wall = 1e6 * level * np.exp(rng.normal(0, 0.02, (COMPARISONS, 2 * PAIRS, REPETITIONS)))
    return Blocked(wall.astype(np.int64), wall.sum(axis=2).astype(np.int64))


def paired(twin: float = 1.0) -> PairedTimes:
    rng = np.random.default_rng(3)
    blocks = COMPARISONS * PAIRS
    level = np.array([1.0, *(twin if name == NULL else 1 + effect for name, effect in EFFECTS.items())])
    shared = np.exp(rng.normal(0, 0.3, (blocks, 1, 1)))  # what strikes all arms of a block alike, and pairing removes
    wall = 1e6 * shared * level[None, :, None] * np.exp(rng.normal(0, 0.01, (blocks, 4, REPETITIONS)))
    data, place = wall.astype(np.int64), np.tile(np.arange(4), (blocks, 1))
    return PairedTimes(
        ("A", *EFFECTS), 0, data, data.sum(axis=2), data.sum(axis=2), 0 * place, place, (QUIET,) * blocks
    )


@pytest.mark.parametrize(("clock", "summary"), ESTIMATORS)
def test_the_block_design_alarms_under_drift_and_else_at_its_level(clock, summary):
    assert blocked(0.0).false_alarms(clock, summary) <= 8  # 5 % of 60, and three standard deviations
    assert blocked(0.1).false_alarms(clock, summary) >= 55


def test_planted_effects_are_found_and_a_slower_twin_is_no_truth():
    seen = row(paired(), blocked(0.0), "wall", "median")
    assert seen["+2 % found"] == seen["+5 % found"] == COMPARISONS and seen["false verdicts"] == 0
    assert seen["truth held"] >= 0.9 * 3 * COMPARISONS
    assert judged(paired(twin=1.03), NULL).claims.events > 50
