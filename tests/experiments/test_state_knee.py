"""The knee of a store: what holds, what is the client's own limit, and what is said and published of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.benches.state.seen import Client, Seen
from perflab.benches.state.settings import server_of  # as the gateway's own settings name the variables
from perflab.experiments.state_database import knee, knee_said
from perflab.experiments.state_database.knee import READ_MS, RUNGS_PER_MIN, WRITE_MS, Climb, Rung
from perflab.experiments.study import Study, create_run
from perflab.stats.interval import Interval
from perflab.system.cores import default_cores
from perflab.system.load_file import load_system

ROOT = Path(__file__).resolve().parents[2]
FREE = Client(0.4, 20.0, 1000)


@pytest.fixture(name="study")
def of_stores(tmp_path: Path) -> Study:
    system = load_system(ROOT / "data/systems/voice_gateway.toml")
    run = create_run(system, str(system.path), "full", 7, tmp_path)
    return Study(run, system, "24_state_database", "full", 7, default_cores())


def around(value: float, by: float = 0.1, n: int = 1000) -> Interval:
    return Interval(value, value * (1 - by), value * (1 + by), 0.95, n, "planted")


def rung(read: float = 1.0, write: float = 4.0, *, per_min: int = 60_000, by: float = 0.1, failed: int = 0,
         alone: Client = FREE, core: float = 40.0) -> Rung:  # fmt: skip
    """Return a rung whose p99 are as given, each bounded by a share of itself."""
    seen = Seen(around(per_min), around(read / 3, by), around(read, by, 4000), around(write / 3, by), around(write, by),
                failed, 1.0, core - 10, 10.0, "as stated")  # fmt: skip
    return Rung("wal_batched", per_min, seen, alone)


def climb(*rungs: Rung) -> Climb:
    return Climb("wal_batched", 1_000_000, rungs, 0.6)


@given(st.floats(0.1, 20), st.floats(0.1, 80), st.floats(0.01, 0.9), st.integers(0, 1))
def test_a_rung_holds_breaks_or_is_in_doubt_and_only_one_of_them(
    read: float, write: float, by: float, failed: int
) -> None:
    one = rung(read, write, by=by, failed=failed)
    highs, lows = (read * (1 + by), write * (1 + by)), (read * (1 - by), write * (1 - by))
    within = [high < limit for high, limit in zip(highs, (READ_MS, WRITE_MS), strict=True)]
    over = [low >= limit for low, limit in zip(lows, (READ_MS, WRITE_MS), strict=True)]
    assert one.held == (all(within) and not failed)
    assert one.unsure == (not all(within) and not any(over) and not failed)
    assert not (one.held and one.unsure)


def test_of_a_rate_that_was_asked_twice_the_second_answer_counts() -> None:
    doubtful = rung(5.0, by=0.3, per_min=20_000)
    assert doubtful.unsure
    low = rung(per_min=10_000)
    held, missed = climb(low, doubtful, rung(per_min=20_000), rung(9, per_min=40_000)).knee
    assert held and missed and (held.per_min, missed.per_min) == (20_000, 40_000)
    held, missed = climb(low, doubtful, rung(9, per_min=20_000)).knee
    assert held is low and missed and missed.per_min == 20_000
    again = climb(low, doubtful, rung(per_min=20_000))
    assert "n = 5,000, asked a second time)" in knee_said.knee_sentence([again])
    assert "second time" not in knee_said.knee_sentence([climb(low)])


@pytest.mark.parametrize("alone", [Client(9.0, 30.0, 1000), Client(0.5, 95.0, 1000), Client(float("nan"), 30.0, 0)])
def test_a_client_that_is_late_or_out_of_cpu_by_itself_is_never_the_stores_knee(study: Study, alone: Client) -> None:
    beyond = rung(300, 300, per_min=120_000, alone=alone, core=100)
    (found,) = knee_said.knee_findings(study, [climb(rung(), beyond)])
    assert "the client's limit" in found.claim and "not 120,000/min" not in found.claim
    assert found.effect and (found.effect.value, found.effect.low, found.effect.high) == (60_000, 60_000, None)
    assert found.verdict == "reported" and any(not check.passed and not check.veto for check in found.trust)
    assert beyond.row()["held"] == "client's limit"
    (nothing,) = knee_said.knee_findings(study, [climb(beyond)])
    assert nothing.verdict == "untrusted" and nothing.effect is None


@pytest.mark.parametrize(
    ("missed", "words"),
    [
        (rung(40, 60, core=99), "bounded by the core that client and store share (99 % used, 20 % by a client"),
        (rung(1, 60, core=50), "writes wait, and not for the core (50 % used, 20 %"),
        (rung(40, 60, core=50), "reads and writes wait, and not for the core"),
        (rung(1, 4, failed=3), "3 accesses failed"),
    ],
)
def test_what_bounds_a_knee_is_read_from_the_rung_above_it(study: Study, missed: Rung, words: str) -> None:
    one = climb(rung(per_min=40_000), missed)
    (found,) = knee_said.knee_findings(study, [one])
    assert words in found.claim and words in knee_said.knee_sentence([one]) and "as stated" in found.claim
    assert found.kind == "observation" and found.id == "F24-knee.1" and found.variant == "optimised"
    assert found.effect and (found.effect.low, found.effect.high) == (40_000, 60_000)
    assert found.effect.unit == "accesses/min" and found.effect.n == 5_000
    assert found.details["bounded by"] == knee_said.bound_of(one) and len(found.details["rungs"]) == 2


def test_a_rate_in_doubt_bounds_no_knee_from_above(study: Study) -> None:
    doubtful = rung(5.0, by=0.3, per_min=80_000)
    (found,) = knee_said.knee_findings(study, [climb(rung(), doubtful, doubtful)])
    assert found.effect and found.effect.high is None and "not surely 80,000/min" in found.claim


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (climb(rung(), rung(40, per_min=90_000)), "holds"),
        (climb(rung(per_min=30_000), rung(40)), "is missed"),
        (climb(rung(per_min=30_000), rung(5.0, by=0.3)), "is not decided"),
        (climb(rung(per_min=30_000), rung(40, alone=Client(9.0, 30.0, 1000))), "is not decided"),
    ],
)
def test_the_bar_is_decided_by_what_surely_holds_or_breaks(one: Climb, words: str) -> None:
    assert f"The bar of 60,000/min {words}. Durability" in knee_said.knee_sentence([one])


def test_a_climb_without_an_end_or_without_a_beginning_says_so() -> None:
    assert "the highest rate asked" in knee_said.knee_sentence([climb(rung())])
    assert "holds no rate that was asked" in knee_said.knee_sentence([climb(rung(40))])
    assert "none of the stores" in knee_said.knee_sentence([])


def test_each_store_gets_the_server_that_the_systems_file_gives_it(study: Study) -> None:
    servers = knee.stores_of(study)
    assert list(servers) == ["wal_batched", "postgres", "redis"] and servers["wal_batched"] is None
    assert servers["postgres"] == server_of("postgres")
    assert servers["redis"] == server_of("redis")
    assert list(knee.stores_of(replace(study, effort="quick"))) == ["wal_batched"]
    bare = study.system.model_copy(update={"flag": ()})
    assert knee.stores_of(replace(study, system=bare)) == {}


def test_a_rung_is_long_enough_for_the_p99_of_its_writes(study: Study) -> None:
    for per_min in RUNGS_PER_MIN:
        for scale in (0.05, 1.0):
            seconds = knee.seconds_of(replace(study, time_scale=scale), per_min, knee.FULL_S)
            assert 0.2 * per_min / 60 * seconds >= knee.FEWEST_WRITES * 0.999


def test_a_short_climb_on_sqlite_meets_real_accesses(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knee, "QUICK_SESSIONS", 40)
    monkeypatch.setattr(knee, "QUICK_RUNGS_PER_MIN", (60_000,))
    monkeypatch.setattr(knee, "ALONE_S", 0.5)
    monkeypatch.setattr(knee, "QUICK_S", 0.1)
    monkeypatch.setattr(knee, "SETTLE_S", 0.0)
    quick: Any = replace(study, effort="quick")
    (one,) = knee.climb(quick)
    assert one.rows == 2_000 and one.sync_p99_ms > 0 and 1 <= len(one.rungs) <= 2
    first = one.rungs[0]
    assert first.seen.asked > 2_000 and "write-ahead log, synchronous=full" in first.seen.durability
    assert first.seen.write_p50.value > 0 and first.seen.server_percent == 0 < first.seen.cpu_percent
    assert first.alone.asked > 300 and first.alone.cpu_percent > 0
    (found,) = knee_said.knee_findings(quick, [one])
    assert any("quick effort: two short rungs" in caveat for caveat in found.caveats)
    assert "SQLite" in knee_said.knee_sentence([one])
