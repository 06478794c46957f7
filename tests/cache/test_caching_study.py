"""The study of caches: its checks, tables and sentences on small traces, its figure, its parts, and its one target."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.benches.cache.live import LiveRun, run_all
from perflab.cache.generators import zipf_trace
from perflab.cache.levels import Levels
from perflab.cache.live.registry import libraries, open_cache, version_of
from perflab.cache.policies.registry import simulate
from perflab.errors import UsageError
from perflab.experiments import caching, caching_models
from perflab.findings.catalogue import load_targets
from perflab.findings.finding import Evidence, TrustCheck
from perflab.findings.traceability import trace_targets
from perflab.report.figures.figure import TargetLine
from perflab.report.figures.hit_ratio_curve import hit_ratio_curve
from perflab.system.load_file import load_system

ROOT = Path(__file__).resolve().parents[2]
SAID = ("one", "two", "three", "four", "five")


def study(domain: str = "edtech_in") -> Any:
    described = SimpleNamespace(
        targets="targets.toml", domain=domain, resolve=lambda _: ROOT / "data/catalogue/targets.toml"
    )
    return SimpleNamespace(quick=True, seed=7, notebook="22_caching", system=described, level="measured-quick",
                           time_scale=1.0, progress=lambda *_: None)  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "QUICK", {"requests": 30_000, "objects": 3_000, "live": 5_000})


def access_log(folder: Path, objects: int = 40, skew: float = 1.0) -> str:
    ids = zipf_trace(4_000, objects, skew, seed=3).ids
    lines = [f'h - - [10/Oct/2026:13:{t // 60 % 60:02}:{t % 60:02} +0000] "GET /{i} HTTP/1.1" 200 9\n'
             for t, i in zip(np.arange(4_000) // 2, ids.tolist(), strict=True)]  # fmt: skip
    file = folder / "access.log"
    file.write_text("".join(lines), encoding="utf-8")
    return str(file)


def test_every_check_of_a_run_passes() -> None:
    checks = caching.check_policies(seed=7)
    assert len(checks) == 10
    assert [check.name for check in checks if not check.passed] == []


def test_a_planted_defect_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    from perflab.cache.policies import sieve

    right = sieve.simulate
    monkeypatch.setattr(sieve, "simulate", lambda *given: tuple(count + 1 for count in right(*given)))
    assert [check.name[:5] for check in caching.check_policies(seed=7) if not check.passed] == ["SIEVE"]


@pytest.mark.usefixtures("small")
def test_curves_have_the_optimum_above_and_che_beside() -> None:
    curves = caching.hit_curves(study(), 1.0)
    for capacity in curves.capacities():
        seen = curves.at(capacity)
        assert seen["Belady"] >= max(caching.contenders(seen).values()) - 1e-12
        assert abs(seen["Che"] - seen["LRU"]) < 0.004 and seen["Che"] < seen["Belady"]  # first requests miss in all
    assert f"{curves.middle:,} objects" in curves.sentence and "optimum" in curves.sentence
    rows = caching.policy_table(curves)
    lost = {row["policy"]: row["lost (points)"] for row in rows}
    assert lost["LRU"] > lost["SIEVE"] and f"cost LRU {lost['LRU']:.1f} points" in caching.policy_sentence(rows)
    assert {row["policy"] for row in rows} >= {"LRU", "SIEVE", "Belady"} and rows[0]["policy"] == "Belady"
    drawn = hit_ratio_curve(list(curves.rows), "Curves <x>", TargetLine(90, "asked: 90 %"))
    assert "LRU from" in drawn.alt and "Target: asked: 90 %" in drawn.alt and "<x>" not in drawn.svg


def test_share_of_the_catalogue_falls_with_the_skew() -> None:
    rows = caching.share_table()
    lru, ideal = (np.array([row[f"{name} (% of the catalogue)"] for row in rows]) for name in ("LRU", "ideal"))
    assert (np.diff(lru) < 0).all() and (ideal < lru).all()
    assert lru[rows.index(next(r for r in rows if r["skew"] == 1.0))] == pytest.approx(36.5, abs=0.3)
    assert "trace of one's own only" in caching.share_sentence(rows)


def test_live_caches_hit_what_the_simulator_hits() -> None:
    trace = zipf_trace(20_000, 3_000, 1.0, seed=5)
    runs = run_all(trace, 300, rounds=1)
    assert {"cachebox", "functools"} <= {r.library for r in runs}
    apart = [r for r in runs if r.simulated is not None and abs(r.hit_ratio - r.simulated) > 0.0005]
    assert apart == []
    assert all(check.passed for check in caching.live_checks(runs))
    assert "ns per operation" in caching.live_sentence(runs) and len(caching.live_rows(runs)) == len(runs)
    assert simulate("LRU", trace, 300).hit_ratio == next(r.hit_ratio for r in runs if r.library == "functools")


def test_a_dearer_cache_is_held_to_the_next_cheaper_one_that_hits_less() -> None:
    def ran(library: str, ratio: float, ns: float) -> LiveRun:
        return LiveRun(library, "P", "1", ratio, None, ns, ns, ns)

    said = caching.live_sentence([ran("best", 0.61, 1_150), ran("cheap", 0.5, 100), ran("poor", 0.4, 500),
                                  ran("good", 0.6, 150)])  # fmt: skip
    assert "cheap P is cheapest with 100 ns" in said and "poor" not in said
    assert "good P (150 ns) hits 10.0 points more than that and pays where a miss costs more than 0.5 us" in said
    assert "best P (1150 ns) hits 1.0 points more than that and pays where a miss costs more than 100.0 us" in said


def test_a_cache_that_is_passed_over_at_every_price_of_a_miss_is_not_named() -> None:
    def ran(library: str, ratio: float, ns: float) -> LiveRun:
        return LiveRun(library, "P", "1", ratio, None, ns, ns, ns)

    said = caching.live_sentence([ran("cheap", 0.5, 100), ran("between", 0.51, 490), ran("good", 0.7, 500)])
    assert "between" not in said and "good P (500 ns) hits 20.0 points more than that" in said
    assert "pays where a miss costs more than 2.0 us" in said  # 400 ns for 0.2 hits, not 10 ns for 0.19
    alike = caching.live_sentence([ran("a", 0.5, 100), ran("b", 0.6, 100), ran("c", 0.6, 120)])
    assert alike == "b P is cheapest with 100 ns per operation."


def test_live_cache_that_cannot_be_opened_is_told() -> None:
    unknown, wrong = "No live cache", "whole number from 1"
    for given, told in [
        (("memcached", "LRU", 1), unknown),
        (("cachebox", "SIEVE", 1), unknown),
        (("cachebox", "LRU", 0), wrong),
        (("cachebox", "LRU", True), wrong),
    ]:
        with pytest.raises(UsageError, match=told):
            open_cache(*given)
    assert version_of("no-such-library") == "" and set(libraries()) >= {"cachebox", "theine", "lru-dict"}


@pytest.mark.usefixtures("small")
def test_levels_and_stampedes_are_told_with_their_figures() -> None:
    runs = caching_models.level_runs(study(), 1.0)
    rows = caching_models.level_rows(runs)
    assert rows[0]["L1 hits (%)"] == 0 and len(rows) == 5
    assert "still reach the origin" in caching_models.level_sentence(runs)
    found = caching_models.stampedes(study())
    rows = caching_models.stampede_rows(found)
    assert rows[1]["recomputes per renewal"] == 1 and rows[3]["waiting per renewal"] == 0
    assert "nobody waits" in caching_models.stampede_sentence(found)
    worse = [*found[:1], replace(found[1], recomputes=2 * found[1].renewals), found[2], replace(found[3], waited=30)]
    said = caching_models.stampede_sentence(worse)
    assert "single flight needs 2, and" in said and "nobody" not in said


def test_a_first_level_that_loses_is_said_to_lose() -> None:
    def said(missed: int) -> str:
        return caching_models.level_sentence([(0, "random", Levels(1000, 0, 500, 500)),
                                              (5, "random", Levels(1000, 100, 900 - missed, missed))])  # fmt: skip

    assert said(520).endswith("52.0 % still reach the origin, 2.0 points more than without.")
    assert said(500).endswith("50.0 % still reach the origin, as many as without.")
    assert "only 2.0 points less than without" in said(480) and "10.0 points less" in said(400)


def test_target_is_judged_on_a_trace_of_ones_own_and_on_nothing_else(tmp_path: Path) -> None:
    figure = Evidence(kind="figure", path="x.svg", title="x", alt="x")
    without = caching_models.conclude(study(), SAID, [], figure, None)
    assert [f.verdict for f in without] == ["reported"] * 5 + ["not-yet-judged"]
    assert without[-1].target_id == "S3-TP-3" and "none was given" in without[-1].claim
    log = access_log(tmp_path)
    for capacity, verdict in ((39, "meets"), (2, "misses")):
        own = caching_models.own_trace(log, "", capacity)
        found = caching_models.conclude(study(), SAID, [], figure, own)
        assert found[-1].verdict == verdict and found[-1].level == "simulated", found[-1].claim
        assert f"{capacity:,} objects in the cache" in found[-2].claim
    assert len(caching_models.conclude(study("voice_app"), SAID, [], figure, None)) == 5


def test_a_trace_is_judged_in_a_system_whose_domain_asks_for_no_hit_ratio(tmp_path: Path, root: Path) -> None:
    shipped = load_system(root / "data/systems/voice_gateway.toml")
    here = study(shipped.domain)
    here.system = shipped
    figure = Evidence(kind="figure", path="x.svg", title="x", alt="x")
    assert [f.kind for f in caching_models.conclude(here, SAID, [], figure, None)] == ["observation"] * 5
    own = caching_models.own_trace(access_log(tmp_path), "", 39)
    judged = caching_models.conclude(here, SAID, [], figure, own)[-1]
    assert (judged.target_id, judged.verdict) == ("S3-TP-3", "meets")
    assert any("edtech_in" in caveat for caveat in judged.caveats)
    targets = load_targets(shipped.resolve(shipped.targets))
    told = {row.id: row.verdict for row in trace_targets(targets, [judged], domain=shipped.domain)}
    assert told["S3-TP-3"] == "meets"


def test_a_failed_check_leaves_no_finding_reported_and_one_on_live_caches_only_theirs() -> None:
    figure = Evidence(kind="figure", path="x.svg", title="x", alt="x")
    wrong = TrustCheck(name="x", passed=False, observed="1", limit="0")
    live = caching_models.conclude(study("voice_app"), SAID, [], figure, None, [wrong])
    assert [f.verdict for f in live] == ["reported", "reported", "untrusted", "reported", "reported"]
    everything = caching_models.conclude(study("voice_app"), SAID, [wrong], figure, None)
    assert {f.verdict for f in everything} == {"untrusted"}


def test_trace_whose_ratio_never_varies_is_not_judged(tmp_path: Path) -> None:
    own = caching_models.own_trace(access_log(tmp_path, objects=3), "", 3)
    assert own is not None and own.interval is None and own.why
    figure = Evidence(kind="figure", path="x.svg", title="x", alt="x")
    assert caching_models.conclude(study(), SAID, [], figure, own)[-1].verdict == "not-yet-judged"
    with pytest.raises(UsageError, match="cannot be read"):
        caching_models.own_trace(str(tmp_path / "none.log"), "", 0)


def csv_trace(folder: Path, ids: Any) -> str:
    file = folder / "trace.csv"
    file.write_text("key\n" + "".join(f"{i}\n" for i in ids), encoding="utf-8")
    return str(file)


def test_a_cache_is_judged_from_when_it_is_full(tmp_path: Path) -> None:
    even = csv_trace(tmp_path, np.random.default_rng(3).integers(0, 3_000, 8_000))
    fits = caching_models.own_trace(even, "", 3_000)
    assert fits is not None and fits.interval is None and "fit: only first requests miss" in fits.why
    assert "in the cache nothing is judged, because all" in caching_models.own_sentence(fits)
    most = caching_models.own_trace(even, "", 2_400)  # of 80 % of the objects: full after some 4,800 requests
    assert most is not None and most.interval is not None and most.interval.low is not None
    assert most.interval.value == pytest.approx(0.8, abs=0.02) and most.interval.n < 4_000
    late = caching_models.own_trace(csv_trace(tmp_path, range(1_000)), "", 995)
    assert late is not None and late.interval is None and "the 5 requests after a warm-up cannot be judged" in late.why


@pytest.mark.parametrize("part", ["throughput", "curves", "live"])
def test_part_is_found_by_the_family(part: str) -> None:
    module = import_module(f"perflab.benches.cache.{part}")
    assert callable(module.bars) and module.ORDER > 0


def test_notebook_asks_the_question_of_the_design() -> None:
    cells = json.loads((ROOT / "notebooks" / "22_caching.ipynb").read_text(encoding="utf-8"))["cells"]
    assert "".join(cells[0]["source"]).startswith("# Which cache, which policy, which size?")
