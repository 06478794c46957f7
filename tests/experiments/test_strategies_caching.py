"""The caching experiments: their arithmetic against plain cases, and their processes on the real system."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.experiments.null_arm import NULL
from perflab.experiments.strategies.arm import started
from perflab.experiments.strategies.caching import (
    EXPERIMENTS,
    cheap_store,
    levels,
    lost_writes,
    staleness,
    template_staleness,
)
from perflab.experiments.strategies.caching.acknowledged import Written
from perflab.experiments.strategies.caching.break_even import Turning, crossing, curve_rows, turning_sentence, turnings
from perflab.experiments.strategies.caching.counters import Counters, parsed
from perflab.experiments.strategies.caching.study import conclude, still_open
from perflab.experiments.strategies.caching.zipf_reads import LOADS, PATHS, TTL_S, drawn_paths, loads_per_read
from perflab.experiments.strategies.checks import checks_of
from perflab.experiments.strategies.conclude import judge_arms
from perflab.experiments.strategies.edge import edge_cache
from perflab.experiments.strategies.experiment import BASE, STANDARD, StrategyExperiment
from perflab.experiments.strategies.run import ExperimentResult, Sizes
from perflab.experiments.study import Study, create_run
from perflab.findings.catalogue import load_strategies
from perflab.findings.finding import Finding
from perflab.gateway.flags.template import cached_ttl
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.report.figures.break_even import break_even
from perflab.report.figures.staleness_timeline import staleness_timeline
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system
from tests.experiments.light_gateway import light


@pytest.fixture
def gateway_study(root: Path, tmp_path: Path) -> Iterator[Study]:
    system = light(load_system(root / "data/systems/voice_gateway.toml"))
    run = create_run(system, str(system.path), "quick", 7, tmp_path)
    yield Study(run, system, "22_caching", "quick", 7, default_cores())


def test_every_arm_is_a_variant_whose_strategy_is_in_the_catalogue(root: Path) -> None:
    system = load_system(root / "data/systems/voice_gateway.toml")
    known = {one.id for one in load_strategies(root / "data/catalogue/strategies.toml")}
    declared = tomllib.loads((root / "data/systems/voice_gateway.toml").read_text())["flag"]
    named = {f"{f['name']}={v['value']}": v["strategy"] for f in declared for v in f["values"]}
    study = Study.__new__(Study)
    object.__setattr__(study, "system", system)
    for experiment in EXPERIMENTS:
        assert experiment.price and experiment.turns
        for arm in experiment.arms:
            *_, own = arm.split("+")  # what comes before it is what it needs
            assert experiment.strategy_of(arm) == named[own] in known
            flags = study.variant(experiment.variant_of(arm)).flags
            assert dict(part.split("=") for part in arm.split("+")).items() <= flags.items()


def test_counters_grow_by_what_all_series_of_a_name_grow() -> None:
    page = '# HELP x y\nhits_total{level="l1"} 3.0\nhits_total{level="l2"} 4.0\nhits_created 9.0\nbroken nan?\n'
    before, after = Counters({'hits_total{level="l1"}': 1.0}), Counters(parsed(page))
    assert after.since(before, "hits") == 6.0 and after.since(before, "loads") == 0.0
    assert "broken" not in parsed(page)


def test_loads_per_read_leave_refreshes_out_and_are_one_without_a_cache() -> None:
    names = ("hits", "misses", "loads", "refreshes")
    after = Counters({f"gateway_cache_{n}_total": v for n, v in zip(names, (6.0, 4.0, 7.0, 3.0), strict=True)})
    assert loads_per_read(Counters({}), after) == 0.4
    assert loads_per_read(Counters({}), Counters({})) == 1.0


def test_reads_are_skewed_and_the_same_paths_are_popular_in_every_block() -> None:
    often = [max(set(drawn := drawn_paths(np.random.default_rng(s), 2000)), key=drawn.count) for s in (1, 2)]
    assert often[0] == often[1] and len(set(PATHS)) == 300


def test_a_block_of_the_levels_begins_with_a_filled_cache(gateway_study: Study, tmp_path: Path) -> None:
    """The same reads on one gateway, thrice: once what it holds has expired, and, expired again, after a warm-up."""
    assert CacheSettings.ttl_s == TTL_S
    cold, warm = [], []
    of, empty = levels.EXPERIMENT.variant_of("cache=l1"), replace(levels.EXPERIMENT, warm=None)
    with started(gateway_study, levels.EXPERIMENT, "cache=l1", of, tmp_path / "levels") as filled:
        for block in range(3):
            for loads, arm in ((cold, replace(filled, experiment=empty)), (warm, filled)):
                time.sleep(TTL_S + 0.1)  # what the other one has loaded must not be a warm-up of this one
                loads.append(arm.measure(block, 0.2)[LOADS.column])
    assert np.mean(warm) < np.mean(cold) - 0.05, (cold, warm)


def test_staleness_is_the_age_of_the_oldest_write_that_an_answer_lacks() -> None:
    seen = [(0.5, 0), (1.2, 0), (1.5, 0), (2.1, 7), (2.3, 7), (2.6, 9)]
    window = staleness.folded("ttl", {7: 1.0, 9: 2.0}, seen)
    assert window.windows_ms.tolist() == pytest.approx([1100.0, 600.0])
    assert [late for _, late in window.looks] == pytest.approx([200.0, 500.0, 100.0, 300.0, 0.0])
    row = staleness.stale_rows((window,))[0]
    assert row["longest window (ms)"] == 1100.0 and row["looks that were behind (%)"] == 80.0
    assert "at most ttl 1100 ms (median 850)" in staleness.stale_sentence((window,))
    figure = staleness_timeline(staleness.timeline_rows((window,)), "Behind", 1000.0)
    assert "ttl up to 500 ms behind" in figure.alt and "ttl" in figure.svg


def test_lost_writes_are_those_that_are_not_stored_and_the_oldest_tells_how_much_time_is_gone() -> None:
    told: dict[Written, float] = {("session", 1): 10.0, ("turn", 1): 10.1, ("session", 3): 10.2, ("turn", 3): 10.25}
    behind = lost_writes.counted("store=write_behind", told, {("session", 1), ("turn", 1)}, killed_at=10.3)
    assert (behind.acknowledged, behind.missing) == (4, 2) and behind.oldest_ms == pytest.approx(100.0)
    whole = lost_writes.counted("store=wal_batched", told, set(told), killed_at=10.3)
    assert whole.missing == 0 and whole.oldest_ms == 0.0
    assert lost_writes.lost_check((behind, whole)).passed
    assert not lost_writes.lost_check((lost_writes.counted("cache_write=through", told, set(), 10.3),)).passed
    none = lost_writes.counted("store=write_behind", told, set(told), killed_at=10.3)
    [row, _] = lost_writes.lost_rows((behind, none, whole))
    assert (row["lost"], row["fewest in one kill"], row["most in one kill"]) == (2, 0, 2)
    said = lost_writes.lost_sentence((whole, behind, none))
    assert "acknowledged: 2 of 8 under store=write_behind (2 kills" in said
    assert said.endswith("100 ms before the kill), 0 of 4 under store=wal_batched.")


def test_the_crossing_is_where_the_straight_line_is_zero() -> None:
    # a hop costs 0.2, three of four reads hit; misses cost 0.1 and 1.1: the gain is 0.75 * miss - 0.2
    rest, hop, hits = 1.0, 0.2, 0.75
    costs = [rest + miss + (hop - hits * miss) * level for miss in (0.1, 1.1) for level in (0, 1)]
    assert crossing(*costs) == pytest.approx(hop / hits - 0.1)
    assert crossing(1.0, 0.8, 2.0, 1.0) < 0  # pays at the cheap store already
    assert crossing(1.0, 1.2, 2.0, 2.3) == float("inf")
    assert crossing(1.0, 0.8, 2.0, 1.9) == 0.0  # gains less where a miss is dearer, and pays at the cheap store


def test_a_level_pays_or_never_does_only_where_the_whole_interval_says_so() -> None:
    never = float("inf")

    def shown(crossing_ms: float, low: float, high: float) -> str:
        return Turning("cache=l1", 0.1, 0.2, 1.0, crossing_ms, low, high).shown

    assert shown(-0.2, -0.4, -0.1) == "pays at the cheap store already"
    assert shown(-0.2, -0.4, 0.1) == "open: 0.00 ms [0.00, 0.10]"
    assert shown(0.2, 0.1, 0.4) == "0.20 ms [0.10, 0.40]"
    assert shown(0.2, 0.1, never) == "open: 0.20 ms [0.10, never]"
    assert shown(never, 0.3, never) == "open: never [0.30, never]"
    assert shown(never, never, never) == "never within this model"


def test_the_break_even_of_measured_rows_is_drawn_and_said() -> None:
    rng = np.random.default_rng(3)
    found = turnings(
        tuple(
            ExperimentResult(
                experiment,
                tuple(
                    {"arm": arm, "block": block, "cpu_ms_per_request": value + 0.001 * rng.standard_normal()}
                    for block in range(8)
                    for arm, value in ((BASE, base), (NULL, base), *((name, own) for name in experiment.arms))
                ),
                Sizes(8, 1.0, fresh=False),
            )
            for experiment, base, own in ((levels.EXPERIMENT, 2.1, 1.475), (cheap_store.EXPERIMENT, 1.1, 1.225))
        ),
        seed=1,
    )
    assert [one.crossing_ms for one in found] == pytest.approx([1 / 6] * 3, abs=0.01)
    assert all(one.low_ms <= one.crossing_ms <= one.high_ms for one in found)
    assert "cache=l2: 0.1" in turning_sentence(found) and "5 % writes costs 1.00 ms of CPU more" in turning_sentence(
        found
    )
    figure = break_even(curve_rows(found), "Break-even", "miss (ms)", "saved (ms)", "ms", side="above")
    assert "gains above 0.1" in figure.alt


def _result(experiment: StrategyExperiment, rng: np.random.Generator) -> ExperimentResult:
    rows = []
    for block in range(8):
        for arm in (BASE, NULL, *experiment.arms):
            figures = {figure.column: 10.0 * (1 + 0.01 * rng.standard_normal()) for figure in experiment.all_figures}
            plain = {"requests": 50, "failed": 0, "late_p99_ms": 0.1, "run_delay": 0.0, "steal": 0.0, "answers": "a"}
            rows.append({"arm": arm, "block": block, **plain, **figures})
    return ExperimentResult(experiment, tuple(rows), Sizes(8, 1.0, fresh=True))


def account(ran_s: float, own_s: float, interrupted_s: float = 0.0) -> dict[str, float]:
    return {"core_ran_s": ran_s, "core_own_s": own_s, "core_interrupted_s": interrupted_s}


ALONE = account(3.0, 2.95, 0.1)


@pytest.mark.parametrize(
    ("arm", "row", "veto"),
    [
        ("cache=l1", ALONE, True),
        ("cache=l2", ALONE, False),
        ("cache=l2", account(0.3, 0.28), False),  # little work, seen by 720 ticks in all
        ("cache=l2", account(0.03, 0.03), True),  # too little for the ticks to tell
        ("cache=l2", account(3.0, 1.5), True),  # somebody else ran there
        ("cache=l2", account(1.5, 3.0), True),  # the account of another core
        ("cache=l2", account(3.0, 3.6, 0.6), False),  # its packets, in its own time
        ("cache=l2", account(3.0, 2.95, 0.8), True),  # which may hide a stranger as large
        ("cache=l2", ALONE | {"steal": 0.2}, True),
        ("cache=l2", {}, True),  # of an older run
    ],
)
def test_a_wait_for_the_core_voids_unless_it_is_shown_to_be_for_the_systems_own_server(
    gateway_study: Study, arm: str, row: dict[str, float], veto: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _result(levels.EXPERIMENT, np.random.default_rng(5))
    rows = tuple({**one, "run_delay": 0.5, **row} for one in seen.rows)
    waited = ExperimentResult(seen.experiment, rows, seen.sizes)
    checks = checks_of(gateway_study, waited, arm, STANDARD[0])
    told = next(check for check in checks if check.name == "system not waiting for a core")
    assert not told.passed and told.veto == veto and ("Nothing else ran there" in told.next_step) != veto
    monkeypatch.setenv("PERFLAB_CACHE_URL", "redis://elsewhere/0")  # a server of the user's own runs on no core of ours
    own = checks_of(gateway_study, waited, arm, STANDARD[0])
    assert next(check for check in own if check.name == told.name).veto


def test_a_stranger_in_one_block_of_many_is_none_and_a_wait_nobody_measured_is_no_own_making(
    gateway_study: Study,
) -> None:
    seen = _result(levels.EXPERIMENT, np.random.default_rng(5))

    def veto(changed: dict[str, float], blocks: int) -> bool:
        rows = ({**one, "run_delay": 0.5, **ALONE, **(changed if one["block"] < blocks else {})} for one in seen.rows)
        kept = tuple({name: value for name, value in row.items() if value == value} for row in rows)
        checks = checks_of(gateway_study, ExperimentResult(seen.experiment, kept, seen.sizes), "cache=l2", STANDARD[0])
        return next(check for check in checks if check.name == "system not waiting for a core").veto

    assert not veto({"core_own_s": 2.6}, 1) and veto({"core_own_s": 2.6}, 8)
    assert veto({"run_delay": float("nan")}, 8)


def test_no_arm_has_a_core_that_its_base_lacks(
    gateway_study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {server.role for server in gateway_study.system.server} == {"system"}
    began: dict[str, Any] = {}

    def start(kind: str, name: str, log: Path, **options: Any) -> Any:
        began.update(options)
        return SimpleNamespace(process=None, url="http://edge")

    monkeypatch.setattr(edge_cache, "start_server", start)
    running: Any = SimpleNamespace(endpoints={"api": "http://api"}, trial_dir=tmp_path, cores=gateway_study.cores,
                                   servers={}, processes={})  # fmt: skip
    edge_cache.put_edge_before("edge=1s", running)
    assert (began["role"], began["cores"]) == ("system", gateway_study.cores.system)


def _apart(result: ExperimentResult) -> ExperimentResult:
    """Return a result whose identical arms differ by half."""
    rows = [{**row, "cpu_ms_per_request": (1.5 if row["arm"] == NULL else 1.0) * row["cpu_ms_per_request"]}
            for row in result.rows]  # fmt: skip
    return ExperimentResult(result.experiment, tuple(rows), result.sizes)


def _turning(found: Sequence[Finding]) -> Finding:
    return next(one for one in found if one.question == "What must a miss cost before a level pays?")


def test_the_notebook_concludes_on_every_arm_and_names_what_is_open(gateway_study: Study) -> None:
    rng = np.random.default_rng(5)
    results = [_result(experiment, rng) for experiment in EXPERIMENTS]
    stale = tuple(staleness.folded(s, {7: 1.0, 9: 2.0}, [(1.1, 7), (2.1, 9)]) for s in staleness.SETTINGS)
    changed = tuple(staleness.folded(s, {1: 1.0, 2: 2.0}, [(1.4, 1), (2.6, 2)]) for s in template_staleness.SETTINGS)
    lost = tuple(
        lost_writes.Lost(s, 100, 5 * (s not in way.durable), 40.0, 90.0)
        for way in lost_writes.WAYS
        for s in way.settings
    )
    judged = judge_arms(results)
    found = conclude(gateway_study, judged, turnings(results, 1), stale, changed, lost, {})
    arms = sum(len(one.arms) * len(one.all_figures) for one in EXPERIMENTS)
    assert len(found) == arms + 5 and len({f.id for f in found}) == len(found)
    assert _turning(found).verdict == "reported" and _turning(found).trust
    apart = [_apart(one) if one.experiment.key == "cache-levels" else one for one in results]
    told = conclude(gateway_study, judged, turnings(apart, 1), stale, changed, lost, {})
    assert _turning(told).verdict == "untrusted"
    claims = " ".join(f.claim for f in found)
    assert "5 of 100 under cache_write=behind" in claims and "cache=l2" in claims
    on_cards = {one.strategy: one.claim for one in found if one.kind == "observation"}
    assert "5 of 100 under store=write_behind" in on_cards["ST-STATE-11"]
    assert "template=cached_ttl 600 ms (median 500" in on_cards["ST-CACHE-12"]
    assert "ST-CACHE-03" in still_open(gateway_study) and "ST-CACHE-08" not in still_open(gateway_study)


def test_what_is_not_called_open_has_an_arm_that_bears_its_id(gateway_study: Study) -> None:
    rng = np.random.default_rng(5)
    borne = {
        item.result.experiment.strategy_of(item.arm) for item in judge_arms([_result(e, rng) for e in EXPERIMENTS])
    }
    planned = {one.id for one in load_strategies(gateway_study.system.resolve(gateway_study.system.strategies))
               if one.notebook == "22_caching"}  # fmt: skip
    told = still_open(gateway_study)
    assert {key for key in planned if f"{key} " not in told} == borne & planned >= {"ST-CACHE-07"}
    nowhere, elsewhere = told.split("Flags of the system")
    assert "ST-CACHE-14" not in nowhere and "(store=redis)" in elsewhere


@pytest.mark.slow
def test_a_killed_gateway_loses_what_is_behind_and_nothing_aside(gateway_study: Study) -> None:
    behind = lost_writes.killed(gateway_study, lost_writes.CACHE, "cache_write=behind", 0)
    aside = lost_writes.killed(gateway_study, lost_writes.CACHE, "cache_write=aside", 0)
    assert 0 < behind.missing < behind.acknowledged
    assert aside.acknowledged >= lost_writes.CACHE.enough and aside.missing == 0


@pytest.mark.slow
def test_a_gateway_killed_during_calls_loses_what_its_store_had_not_committed(gateway_study: Study) -> None:
    batched = lost_writes.killed(gateway_study, lost_writes.STORE, "store=wal_batched", 0)
    assert batched.acknowledged >= lost_writes.STORE.enough and batched.missing == 0
    # a kill just after a commit loses nothing, several in a row do not
    kills = (lost_writes.killed(gateway_study, lost_writes.STORE, "store=write_behind", number) for number in range(5))
    behind = next((one for one in kills if one.missing), None)
    assert behind is not None and behind.missing < behind.acknowledged and behind.oldest_ms > 0


@pytest.mark.slow
def test_a_second_worker_hears_of_writes_and_one_that_is_not_told_waits_for_the_time_to_live(
    gateway_study: Study,
) -> None:
    told = staleness._measured(gateway_study, "cache=l1_l2+invalidation=event", 3)
    untold = staleness._measured(gateway_study, "cache=l1_l2", 3)
    # Without announcements a value runs out once a second: of three writes 350 ms apart one meets a value with at
    # least 650 ms to live, whatever the phase.
    assert told.windows_ms.size == 3 and told.windows_ms.max() < 500 < untold.windows_ms.max()


@pytest.mark.slow
def test_a_changed_template_is_seen_by_the_next_use_or_after_its_time_to_live(gateway_study: Study) -> None:
    assert cached_ttl.TTL_S == template_staleness.TTL_S
    looked_at = template_staleness.measured(gateway_study, "template=cached", 5)
    expiring = template_staleness.measured(gateway_study, "template=cached_ttl", 5)
    assert looked_at.windows_ms.size == expiring.windows_ms.size == 5
    # Changes come 0.2 to 0.8 s apart: the first in each second after a look at the file waits 0.2 s at least.
    assert np.median(looked_at.windows_ms) < 200 <= expiring.windows_ms.max()
    assert np.median(expiring.windows_ms) <= 1000 * template_staleness.TTL_S
