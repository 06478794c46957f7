"""The sweep of the time to live: where it stops to gain, on a trace made to order and on one of one's own."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.cache.generators import with_arrivals, zipf_trace
from perflab.cache.policies.lru import outcomes
from perflab.cache.staleness import Served, served
from perflab.cache.trace import Trace, dense_trace
from perflab.experiments import caching, caching_ttl
from perflab.experiments.caching_models import OwnTrace
from perflab.findings.finding import Evidence
from perflab.report.figures.figure import TargetLine
from perflab.report.figures.ttl_curve import ttl_curve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(name="study")
def small_study(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(caching, "QUICK", {"requests": 40_000, "objects": 1_000, "live": 5_000})
    return SimpleNamespace(quick=True, seed=7, notebook="22_caching", level="measured-quick", time_scale=1.0,
                           progress=lambda *_: None)  # fmt: skip


def test_the_knee_is_the_shortest_time_to_live_within_a_point(study: Any) -> None:
    sweep = caching_ttl.ttl_sweep(study, 1.0, 1_000.0, 20.0)
    assert sweep.capacity == 100 and sweep.trace.times is not None and sweep.knee is not None
    warm_up = int(np.searchsorted(sweep.trace.times, sweep.trace.times[0] + 0.4 * np.ptp(sweep.trace.times)))
    assert sweep.untimed == pytest.approx(1 - outcomes(sweep.trace.ids, 1_000, 100)[warm_up:].mean())
    assert sweep.knee.seen.hit_ratio >= sweep.untimed - 0.01
    shorter = served(sweep.trace, 100, 0.97 * sweep.knee.ttl_s, 20.0, warm_up)
    assert shorter.hit_ratio < sweep.untimed - 0.01
    assert shorter.requests == sweep.knee.seen.requests == 40_000 - warm_up
    ratios = [one.seen.hit_ratio for one in sweep.lifetimes]
    assert ratios == sorted(ratios) and max(ratios) <= sweep.untimed + 0.002


def test_simulation_meets_the_formula_until_the_cache_is_full_and_never_passes_it(study: Any) -> None:
    sweep = caching_ttl.ttl_sweep(study, 1.0, 1_000.0, 20.0)
    checks = caching_ttl.ttl_checks(sweep)
    assert len(checks) == 2 and all(check.passed for check in checks) and sweep.apart < 0.01
    assert sweep.full_s is not None and sweep.full_s < sweep.lifetimes[-1].ttl_s
    for one in sweep.lifetimes:
        assert one.seen.stale_share <= one.stale_formula * 1.02
    last = sweep.lifetimes[-1]
    assert last.formula > last.seen.hit_ratio + 0.05


def test_rows_say_what_a_second_more_gains_and_costs(study: Any) -> None:
    sweep = caching_ttl.ttl_sweep(study, 1.0, 1_000.0, 20.0)
    rows = caching_ttl.ttl_rows(sweep)
    assert len(rows) == len(sweep.lifetimes) + 1 and rows[-1]["a second more: hits (points)"] is None
    first, second = sweep.lifetimes[:2]
    gained = 100 * (second.seen.hit_ratio - first.seen.hit_ratio) / (second.ttl_s - first.ttl_s)
    assert rows[0]["a second more: hits (points)"] == pytest.approx(gained, rel=0.01)
    freshest = sweep.freshest.ttl_s
    for row in rows[:-1]:  # it pays exactly until the time to live with most current hits
        gains, costs = (row[f"a second more: {name} (points)"] for name in ("hits", "stale answers"))
        assert (gains > costs) == (row["time to live (s)"] < freshest)
    said = caching_ttl.ttl_sentence(sweep)
    assert f"{freshest:g} s answers most requests" in said and "shortest time to live within a point" in said
    assert "every 20 s on average" in said and "formula rate T / (1 + rate T)" in said


def test_the_finding_stands_on_the_card_of_caching_by_time(study: Any) -> None:
    sweep = caching_ttl.ttl_sweep(study, 1.0, 1_000.0, 20.0)
    figure = Evidence(kind="figure", path="x.svg", title="x", alt="x")
    found = caching_ttl.conclude_ttl(study, sweep, figure)
    assert (found.id, found.strategy, found.level, found.verdict) == ("F22-ttl", "ST-CACHE-15", "simulated", "reported")
    assert found.evidence == (figure,) and len(found.details["times to live"]) > 5 and len(found.trust) == 2
    above = Served(100, 99, 0.0, 0.0, 0.0, 0.1)
    planted = [caching_ttl.Lifetime(1.0, above, 0.5, 0.1, 1.0, 5.0)]
    wrong = caching_ttl.TtlSweep(sweep.trace, False, 100, 1e3, 20.0, 0.5, tuple(planted), planted[0], math.inf)
    assert caching_ttl.conclude_ttl(study, wrong, None).verdict == "untrusted"


def own_of(trace: Trace, capacity: int) -> OwnTrace:
    return OwnTrace(trace, capacity, None)


def test_ones_own_trace_is_swept_at_its_own_times_where_it_has_enough_of_them(study: Any) -> None:
    timed = with_arrivals(zipf_trace(5_000, 300, 0.9, seed=3, name="mine"), 50.0, seed=1)
    sized = Trace("mine", timed.ids, timed.objects, np.full(5_000, 700), timed.times)
    sweep = caching_ttl.ttl_sweep(study, 1.0, 1_000.0, 20.0, own_of(sized, 40))
    assert sweep.own and sweep.capacity == 40 and sweep.per_s == pytest.approx(50, rel=0.05)
    assert caching_ttl.ttl_checks(sweep) == () and "mine, 50 requests/s" in caching_ttl.ttl_sentence(sweep)
    at_once = dense_trace("flat", [0, 1] * 3_000, 2, times=[5.0] * 6_000)
    for useless in (dense_trace("untimed", [0], 1), at_once, timed.head(900)):
        assert not caching_ttl.ttl_sweep(study, 1.0, 1_000.0, 20.0, own_of(useless, 1)).own


def test_a_hit_ratio_that_no_time_to_live_reaches_is_said(study: Any) -> None:
    lived = caching_ttl.Lifetime(5.0, Served(1_000, 300, 30.0, 1.0, 2.0, 4.9), 0.31, 0.1, 1.0, 5.0)
    sweep = caching_ttl.TtlSweep(zipf_trace(10, 5, 1.0, seed=1), False, 5, 2.0, 50.0, 0.9, (lived,), None, 99.0)
    said = caching_ttl.ttl_sentence(sweep)
    assert "no time to live up to 5 s comes within a point of the hit ratio without one (30.0 of 90.0 %)" in said
    assert "at 5 s 10 % of the hits are stale, by 1 s on average and 2 s at p95" in said
    assert "adds more stale" not in said and "fill the cache" not in said


@pytest.mark.parametrize(("low", "high", "wanted"), [
    (0.2, 200.0, [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]), (3.0, 4.0, [4.0]), (0.1, 0.1, [0.1]),
])  # fmt: skip
def test_steps_are_round_and_at_least_one(low: float, high: float, wanted: list[float]) -> None:
    assert caching_ttl.steps(low, high) == pytest.approx(wanted)


def test_the_measured_mix_is_told_by_the_formula() -> None:
    said = caching_ttl.measured_mix_sentence()
    assert "120 requests/s for 300 keys" in said and "56 % at the system's 1 s and 99 % from 240 s on" in said


def test_figure_names_its_units_lines_and_the_target(study: Any) -> None:
    sweep = caching_ttl.ttl_sweep(study, 1.0, 1_000.0, 20.0)
    aim = TargetLine(90, "S3-TP-3 > 90 %")
    assert sweep.knee is not None
    drawn = ttl_curve(caching_ttl.curve_rows(sweep), "t <x>", sweep.untimed, sweep.knee.ttl_s, sweep.full_s, aim)
    for text in ("time to live (s)", "of the requests (%)", "stale, of the hits (%)", "cache full", "within a point",
                 "no time to live", "S3-TP-3"):  # fmt: skip
        assert text in drawn.svg, text
    assert f"Without a time to live {100 * sweep.untimed:.3g} %" in drawn.alt and "Target: S3-TP-3" in drawn.alt
    assert "<x>" not in drawn.svg
    bare = ttl_curve(caching_ttl.curve_rows(sweep), "t", sweep.untimed)
    assert "cache full" not in bare.svg and "within a point" not in bare.svg.split("aria-label")[0]


def test_the_notebook_draws_saves_and_concludes_the_sweep() -> None:
    cells = json.loads((ROOT / "notebooks" / "22_caching.ipynb").read_text(encoding="utf-8"))["cells"]
    text = {cell["id"]: "".join(cell["source"]) for cell in cells}
    assert text["evidence-7"].rstrip().endswith("lives") and "ttl_sentence(swept)" in text["reading-7"]
    assert 'lives.save(study.run, "22-time-to-live")' in text["verdict"]
    for drawn in ("curve", "effects", "tails", "crossings", "timeline"):  # the figures that a reader is promised
        assert any(source.rstrip().endswith(f"\n{drawn}") for source in text.values()), drawn
