"""The bars of planted defects: every dose that is asked for is measured, and clean gateways are held to one rule."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.benches import plants
from perflab.benches.bar import Bar
from perflab.benches.profiles import planted_cpu

NOISE_MS = (0.3, -0.2, 0.1, -0.4, 0.2, 0.5, -0.1, -0.3, 0.4, -0.5)


def late_bars(monkeypatch: pytest.MonkeyPatch, apart_ms: float, late_ms: float) -> tuple[dict[str, Bar], list[Any]]:
    """Return the bars of the late reply over gateways whose added time is known, and the trials that they ran."""
    ran: list[Any] = []

    def trial(_: object, spec: Any) -> Any:
        ran.append(spec)
        return spec

    def figures(_: object, spec: Any) -> SimpleNamespace:
        own = {"clean": 0.0, "clean_again": apart_ms, "late": late_ms}[spec.arm]
        noise = NOISE_MS[(spec.block + len(spec.arm)) % len(NOISE_MS)]
        return SimpleNamespace(added_p50_ms=12.0 + own + noise + 3.0 * spec.block)  # the machine drifts

    monkeypatch.setattr(plants, "run_trial", trial)
    monkeypatch.setattr(plants, "arm_figures", figures)
    study: Any = SimpleNamespace(seed=7)
    return {bar.id: bar for bar in plants.late(study, lambda _: None)}, ran


def test_a_late_reply_is_found_and_two_clean_gateways_yield_no_such_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    bars, ran = late_bars(monkeypatch, 0.0, plants.LATE_MS)
    assert set(bars) == {"late.40", "late.found", "late.clean", "late.false"}
    assert all(bar.holds for bar in bars.values()), bars
    clean = [spec for spec in ran if not spec.plant]
    assert len(clean) == plants.CLEAN_RUNS == 20 and len({spec.name for spec in ran}) == len(ran) == 30
    assert {spec.plant for spec in ran} == {"", "late=40"}
    assert all(len({spec.seed for spec in ran if spec.block == block}) == 1 for block in range(plants.PAIRS))
    assert len({tuple(spec.arm for spec in ran if spec.block == block) for block in range(plants.PAIRS)}) > 2


def test_clean_gateways_that_differ_miss_their_bars_and_a_reply_in_time_misses_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bars, _ = late_bars(monkeypatch, -5.0, 0.0)
    assert {name: bar.holds for name, bar in bars.items()} == dict.fromkeys(bars, False)
    assert bars["late.clean"].value == pytest.approx(5.0, abs=0.5) and bars["late.false"].value == 1


@pytest.mark.parametrize("listed", [True, False])
def test_the_hot_function_is_measured_at_every_dose(monkeypatch: pytest.MonkeyPatch, listed: bool) -> None:
    asked: list[str] = []

    def on_gateway(_: object, plant: str, work: Any) -> None:
        asked.append(plant)
        share = float(plant.partition("=")[2]) / 100
        table = SimpleNamespace(
            by_function=lambda **_: {planted_cpu.HOT: share + 0.01},
            health=SimpleNamespace(n_samples=900, run_delay=0.0, kernel_share=0.14),
            rows=[SimpleNamespace(file=planted_cpu.HOT[0], function=planted_cpu.HOT[1] if listed else "other")],
        )
        work(SimpleNamespace(core=0, sampled=lambda view, seconds: table))

    monkeypatch.setattr(planted_cpu, "bench_study", lambda: None)
    monkeypatch.setattr(planted_cpu, "on_live_gateway", on_gateway)
    monkeypatch.setattr(planted_cpu, "hog", lambda core, duty: nullcontext())
    monkeypatch.setattr(planted_cpu, "rank", lambda tables: tables[0])
    bars = {bar.id: bar for bar in planted_cpu.bars(lambda _: None)}
    assert asked == ["hot=40", "hot=5", "hot=10", "hot=20"]
    assert list(bars) == ["1.pyspy", "1.dose5", "1.dose10", "1.dose20"] and bars["1.pyspy"].holds
    for dose in (5, 10, 20):
        bar = bars[f"1.dose{dose}"]
        assert f"{dose} %" in bar.title and bar.limit == min(5.0, dose / 2)
        assert bar.holds is listed and bar.value == (pytest.approx(1.0) if listed else None)
