"""The machine's ceiling: a figure that no core can exceed, and bars that one measured too low does not keep."""

from __future__ import annotations

import platform
from types import SimpleNamespace

import numpy as np
import pytest

from perflab.audio.kernels import ceiling as measuring
from perflab.audio.kernels.ceiling import Ceiling, measure_ceiling
from perflab.audio.kernels.lanes import LANES
from perflab.benches.audio import ceiling as bench
from perflab.benches.bar import Bar

TRIES = 5  # a neighbour may slow one of the two chains down, and not the other


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="two units are the most of x86 cores")
def test_no_core_does_more_than_two_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "ROUNDS", 40_000)
    found = [measure_ceiling() for _ in range(TRIES)]
    assert all(one.macs_per_s > 0 and one.clock_hz > 0 and one.lanes == LANES for one in found)
    assert 0 < min(one.fma_per_cycle for one in found) <= bench.UNITS


def held(fma_per_cycle: float, us: float, monkeypatch: pytest.MonkeyPatch) -> dict[str, Bar]:
    """The bars of a core of 3 GHz with 8 lanes; the resampler of 100 taps takes `us` for its 300 samples."""
    kernel = SimpleNamespace(taps=np.zeros(100), frame_out=300)
    monkeypatch.setattr(bench, "measure_ceiling", lambda: Ceiling(fma_per_cycle * 8 * 3e9, 3e9, 8))
    monkeypatch.setattr(bench, "our_resampler", lambda *given: (kernel, lambda: None))
    monkeypatch.setattr(bench, "hold", lambda contest: SimpleNamespace(ours_us=us))
    return {bar.id: bar for bar in bench.bars(lambda line: None)}


@pytest.mark.parametrize(
    ("fma_per_cycle", "us", "missed"),
    [(2.0, 0.75, []), (1.0, 1.5, []), (2.2, 0.65, ["fma-clock"]), (0.5, 3.0, ["fma-least"]),
     (2.0, 1.0, ["fir-share"]), (1.0, 0.75, ["fir-most"])],
)  # fmt: skip
def test_a_ceiling_is_held_from_both_sides(
    fma_per_cycle: float, us: float, missed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = held(fma_per_cycle, us, monkeypatch)
    assert [id_ for id_, bar in bars.items() if not bar.holds] == missed
    assert bars["fir-share"].value == pytest.approx(100 * 30_000 / (us * fma_per_cycle * 24_000))
