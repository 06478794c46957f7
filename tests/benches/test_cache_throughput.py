"""The bars of the cache simulator's speed, on times that were made up."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.benches.cache import throughput
from perflab.benches.cache.material import REQUESTS
from perflab.benches.stats.injected_elsewhere import QUIET
from perflab.instrument.paired_times import PairedTimes


def test_both_speeds_are_told_in_millions_of_requests_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 M requests in half a second and in two: 20 M/s and 5 M/s, four times as fast."""
    monkeypatch.setattr(throughput.metadata, "version", lambda _: "0")
    blocks = throughput.BLOCKS
    spread = 1 + 0.001 * (np.arange(blocks) - blocks // 2)  # an interval needs values that vary
    ns = np.stack([5e8 * spread, 2e9 / spread], axis=1).astype(np.int64)
    place = np.tile(np.arange(2), (blocks, 1))
    times = PairedTimes(("dense", "peer"), 0, ns[:, :, None], ns, ns, 0 * ns, place, (QUIET,) * blocks)
    bar = throughput._ratio("lru-1-d", "LRU", times, "dense", 3.0)
    assert REQUESTS == 10_000_000 and (bar.detail["ours_mreq_s"], bar.detail["theirs_mreq_s"]) == (20.0, 5.0)
    assert bar.value == 4.0 and bar.holds
