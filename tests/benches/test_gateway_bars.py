"""What the bars of the reference system say: the generator's limit, a spike's probes, one set of rows for a figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflab.benches import gateway
from perflab.benches.gateway import added_bar, clock_bars, spike_bars
from perflab.benches.stats.injected import studied
from perflab.benches.think_times import CHANCE, ks_to, profiles, upstream_bars
from perflab.experiments.ladder import Level
from perflab.experiments.matrix import Recovery, matrix_spec
from perflab.experiments.trial import Trial
from perflab.samples.spans import reconcile
from perflab.standins.latency import profile_named, think_time_s
from perflab.stats.interval import Interval
from perflab.stats.latency import sectioned_quantile
from perflab.system.load_file import load_system
from perflab.system.tables.spans import Spans, SpanSum
from tests.experiments.test_null_arm import trial_of

MS = 1_000_000


def held(p95_ms: float = 900.0, failed: int = 0) -> Level:
    p95 = Interval(p95_ms, p95_ms - 50, p95_ms + 50, 0.95, 500, "sectioning")
    return Level("hold", 100, 18.0, 500, p95, p95, None, 20.0, 60.0, 90.0, failed, 500)


def trial(**generator: float) -> Trial:
    made = trial_of()
    facts = replace(made.facts, generator=made.facts.generator | generator, cores={"system": [0], "generator": [1]})
    return replace(made, facts=facts)


def sessions_bar(monkeypatch: pytest.MonkeyPatch, at_300: Trial, level: Level) -> Any:
    """Return the bar of a ladder that holds at 200 sessions and shows this at 300."""
    monkeypatch.setattr(gateway, "_hold", lambda study, variant, users, say: (at_300, level) if users == 300
                        else (trial(), held()))  # fmt: skip
    return gateway.capacity(None, print)[0]  # type: ignore[arg-type]


def test_a_ladder_that_only_the_generator_ended_is_judged_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    late = trial(late_p99_ms=7.25)
    monkeypatch.setattr(gateway, "_hold", lambda study, variant, users, say: (late if users == 400 else trial(),
                                                                               held()))  # fmt: skip
    bar = gateway.capacity(None, print)[0]  # type: ignore[arg-type]
    assert (bar.value, bar.limit, bar.interval) == (300, 300, (300, 400)) and bar.holds and not bar.open
    told = "300 held; at 400 the generator itself was late by 7.2 ms (p99)"
    assert told in bar.title and bar.detail["reason"] == told
    assert bar.detail["asked"] == "400 or the generator's limit"


def test_a_generator_that_is_late_below_its_own_bar_has_shown_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = sessions_bar(monkeypatch, trial(late_p99_ms=7.25), held())
    assert bar.value is None and bar.limit == 400 and not bar.holds
    assert "200 held; at 300 the generator itself was late" in bar.detail["reason"]


@pytest.mark.parametrize(
    ("at_300", "level", "value"),
    [
        (trial(late_p99_ms=7.25, cpu_percent=95.0), held(), None),  # another check refuses it too
        (trial(late_p99_ms=7.25), held(p95_ms=2500.0), None),  # the target is missed, late as the figure may be
        (trial(late_p99_ms=7.25), held(failed=40), None),
        (trial(cpu_percent=95.0), held(), None),
        (trial(), held(p95_ms=2500.0), 200),
        (trial(), held(), 400),
    ],
    ids=["another check", "target", "failed turns", "no lateness", "a plain miss", "the ladder ended"],
)
def test_no_other_end_of_a_ladder_is_the_generators_limit(
    monkeypatch: pytest.MonkeyPatch, at_300: Trial, level: Level, value: int | None
) -> None:
    bar = sessions_bar(monkeypatch, at_300, level)
    assert (bar.value, bar.limit) == (value, 400) and bar.holds is (value == 400)


def test_a_generator_that_was_late_at_the_first_level_has_shown_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "_hold", lambda *_: (trial(late_p99_ms=7.25), held()))
    bar = gateway.capacity(None, print)[0]  # type: ignore[arg-type]
    assert bar.value is None and bar.limit == 400 and not bar.holds


@pytest.mark.parametrize(("late_ms", "values"), [(0.5, [0, 1.5]), (9.0, [None, None])])
def test_a_spike_names_its_probes_and_is_refused_like_any_load(late_ms: float, values: list[float | None]) -> None:
    made = trial(late_p99_ms=late_ms)
    with studied() as study:
        chosen = [s for s in study.system.scenario if s.name in ("normal", "spike")]
        spec = matrix_spec(study, "optimised", {}, chosen, 4.0)
    made = replace(made, facts=replace(made.facts, spec=spec))
    bars = spike_bars(Recovery(900.0, 1200.0, 990.0, 1.5, 60.0, 0), made, "spike")
    assert [bar.value for bar in bars] == values
    assert all("10 to 110 to 10 users" in bar.title and "10 to 110" in bar.detail["users"] for bar in bars)
    assert all(("load generator on time" in bar.detail.get("reason", "")) is (bar.value is None) for bar in bars)


def test_value_interval_and_n_of_the_added_time_are_of_the_same_turns() -> None:
    """Clocks differ by a little: every fourth turn seems to have been answered before it was asked."""
    rng = np.random.default_rng(5)
    added = np.where(np.arange(1200) % 4 == 0, -0.1, rng.lognormal(1.0, 0.4, 1200))
    bar, all_of_them = added_bar(added), sectioned_quantile(np.maximum(added, 0.001), 0.99, 10, log=True)
    assert bar.value == pytest.approx(all_of_them.value, rel=1e-3) and bar.n == all_of_them.n == 1200
    assert bar.interval == (all_of_them.low, all_of_them.high) and 0 < bar.interval[0] < bar.value < bar.interval[1]
    few = added_bar(added[:50])
    assert few.interval is None and few.value is not None and "at least 500" in few.detail["reason"]


def test_clocks_that_agree_in_the_median_show_how_far_they_part_in_the_tail() -> None:
    sums = (SpanSum(name="added", plus=("first",), minus=("start",)),
            SpanSum(name="own", plus=("out",), minus=("in",), check="added", check_ms=2.0))  # fmt: skip
    base, apart = 10**15, np.where(np.arange(100) % 10 == 0, 30, 1) * MS
    rows = pd.DataFrame({"start_ns": base, "first_ns": base + 8 * MS, "in": base, "out": base + 8 * MS - apart})
    (bar,) = clock_bars(reconcile(rows, Spans(sum=sums)))
    assert bar.holds and bar.value == pytest.approx(1.0) and bar.detail["apart_p95_ms"] == pytest.approx(30.0)


def turns(stretch: float) -> pd.DataFrame:
    """Turns of users whose stand-in drew from aa-fast, and thought so many times as long as it drew."""
    drawn = np.array([think_time_s("aa-fast", 7, user, turn) for user in range(100) for turn in range(6)])
    think = (drawn * 1e9).astype(np.int64)
    taken = (think * stretch).astype(np.int64)
    return pd.DataFrame({"rx": 10**15, "tx": 10**15 + taken, "live.think": think})


def test_think_times_are_held_to_their_profile_beside_what_chance_makes_of_so_few() -> None:
    late = SpanSum(name="late", role="world", plus=("tx",), minus=("rx",), durations=("live.think",), check_ms=20.0)
    asked = {"live": profile_named("aa-fast")}
    (bar,) = upstream_bars(turns(1.0), Spans(sum=(late,)), asked)
    assert bar.holds and bar.n == 600 and bar.detail["profile"] == "aa-fast"
    assert bar.detail["chance_of_so_few_ks"] == pytest.approx(CHANCE / 600**0.5)
    assert bar.detail["taken_to_profile_ks"] == bar.detail["drawn_to_profile_ks"] < bar.detail["chance_of_so_few_ks"]
    (bar,) = upstream_bars(turns(1.2), Spans(sum=(late,)), asked)
    assert bar.detail["taken_to_profile_ks"] > 0.2 > bar.detail["drawn_to_profile_ks"]
    (bare,) = upstream_bars(turns(1.0), Spans(sum=(late,)), {})
    assert "profile" not in bare.detail


def test_the_distance_to_a_distribution_looks_at_both_sides_of_each_step() -> None:
    uniform = np.array([0.1, 0.4, 0.7])
    assert ks_to(uniform, lambda x: x) == pytest.approx(0.3)  # after the last step: 1 against 0.7
    assert ks_to(uniform + 0.29, lambda x: x) == pytest.approx(0.39)  # before the first one: 0 against 0.39


def test_the_profiles_of_a_run_are_those_that_its_stand_ins_were_started_with(root: Path) -> None:
    system = load_system(root / gateway.SYSTEM)
    assert {name: one.name for name, one in profiles(system, {"latency": "gpt-rt-1.5"}).items()} == {
        "live": "gpt-rt-1.5", "codegen": "codegen-120",
    }  # fmt: skip
