"""What stands beside the response of a level: kinds of failures, the whole reply, each class of operations, queues."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perflab.experiments import tables
from perflab.experiments.conclude import load, matrix
from perflab.experiments.conclude.load import level_row
from perflab.experiments.ladder import Level, level_of
from perflab.experiments.matrix import MatrixResult
from perflab.experiments.trial import NS, Segment, Trial, TrialFacts, TrialSpec
from perflab.experiments.units_of_work import SILENT_AFTER_S, failure_kinds, failures, failures_text
from perflab.stats.interval import Interval

from .test_null_arm import trial_of

GO = 5 * NS
LENGTH_S = 60.0


def rows(kind: str, n: int, first_ms: float, whole_ms: float, outcome: str = "ok", tag: str = "") -> pd.DataFrame:
    """Return units due evenly over the segment, with half a per cent of noise in their times."""
    due = GO + np.linspace(0, (LENGTH_S - 12) * NS, n).astype(np.int64)
    noise = np.exp(np.random.default_rng(n).normal(0, 0.005, n))
    answered = 0 if outcome == "unfinished" else 1
    ended = due + (whole_ms * noise * 1e6).astype(np.int64)
    return pd.DataFrame({
        "kind": kind, "tag": tag, "name": "", "outcome": outcome, "scenario": "level-20", "warmup": False,
        "intended_ns": due, "start_ns": due, "first_ns": answered * (due + (first_ms * noise * 1e6).astype(np.int64)),
        "end_ns": ended,
    })  # fmt: skip


def trial(*parts: pd.DataFrame) -> Trial:
    spec = TrialSpec("ladder-x", "x", ((0.0, 20),), LENGTH_S, (Segment("level-20", 0.0, LENGTH_S, 20),))
    facts = TrialFacts(spec, GO, GO + int(LENGTH_S * NS), {}, {}, False, 0.0, {}, 0.0)
    at = GO + np.arange(61, dtype=np.int64) * NS
    seen = pd.DataFrame({"process": "gateway", "role": "system", "t_ns": at, "cpu_s": np.arange(61) * 0.2,
                         "rss_bytes": 90_000_000})  # fmt: skip
    units = pd.concat(parts or (rows("turn", 2, 1, 1),), ignore_index=True).sort_values("intended_ns", kind="stable")
    return Trial(facts, units, seen, pd.DataFrame())


def seen(study: Any, *parts: pd.DataFrame) -> Level:
    return level_of(study, trial(*parts), "level-20")


def test_failures_are_told_apart_and_add_up() -> None:
    mixed = pd.concat([
        rows("request", 5, 1, 10_000, "timeout"), rows("request", 3, 1, 5, "error"), rows("request", 7, 1, 5, "shed"),
        rows("request", 2, 1, 1_100 * SILENT_AFTER_S, "unfinished"), rows("request", 4, 1, 100, "unfinished"),
        rows("request", 9, 1, 5),
    ], ignore_index=True)  # fmt: skip
    kinds, (failed, finished) = failure_kinds(mixed), failures(mixed)
    assert kinds == (("refused", 7), ("timeout", 5), ("error", 3), ("unanswered", 2))
    assert sum(n for _, n in kinds) == failed == 17 and finished == 26
    said = failures_text(failed, finished, kinds, "requests")
    assert said == "17 of 26 requests (7 refused, 5 timeout, 3 error, 2 unanswered)"
    assert failures_text(0, 26, ()) == "0 of 26"


def test_the_end_of_the_reply_is_the_second_stop_of_a_turn(study: Any) -> None:
    level = seen(study, rows("turn", 200, 1_350, 1_630))
    assert level.p95 and level.whole_p95
    assert level.p95.value == pytest.approx(1_350, rel=0.02) and level.whole_p95.value == pytest.approx(1_630, rel=0.02)
    row = level_row(level)
    assert row["whole_p95_low"] < row["whole_p95_ms"] < row["whole_p95_high"]
    assert tables.level_table([level])["whole reply p95 (ms)"][0].startswith("16")
    requests = level_of(study, trial(rows("request", 200, 5, 9)), "level-20", "request")
    assert requests.whole_p95 is None and "whole_p95_ms" not in level_row(requests)  # its response is its end


def test_two_populations_are_not_pooled(study: Any) -> None:
    simple, slow = rows("request", 600, 2, 2, tag="simple"), rows("request", 150, 160, 160, tag="complex")
    level = seen(study, rows("turn", 40, 900, 950), simple, slow, rows("request", 3, 2, 2, "timeout", "simple"))
    table = {row["operation"]: row for row in tables.operation_table([level]).to_dict("records")}
    assert list(table) == ["turn", "complex", "simple"] and table["turn"]["p95 (ms)"] == ""
    assert table["simple"]["p95 (ms)"].startswith("2.0") and table["complex"]["p95 (ms)"].startswith("16")
    assert table["simple"]["p99 (ms)"] and not table["complex"]["p99 (ms)"]  # 150 requests bound no p99
    assert table["simple"]["failed"] == "3 of 603 (3 timeout)"
    assert tables.operation_table([seen(study, rows("turn", 40, 900, 950))]).empty


def test_a_p99_has_an_interval_or_is_not_told(study: Any) -> None:
    assert level_row(seen(study, rows("turn", 200, 900, 950)))["p99_ms"] is None
    row = level_row(seen(study, rows("turn", 900, 900, 950)))
    assert row["p99_low"] < row["p99_ms"] < row["p99_high"]


def test_throughput_and_cpu_have_the_bounds_of_their_parts(study: Any) -> None:
    even, made = rows("turn", 480, 900, 950), trial()
    busy = made.resources.assign(cpu_s=np.cumsum(0.2 + 0.05 * np.sin(np.arange(61))))
    level = level_of(study, replace(trial(even), resources=busy), "level-20")
    assert level.cpu and level.cpu.low < level.cpu_percent < level.cpu.high  # type: ignore[operator]
    assert level.cpu.value == pytest.approx(level.cpu_percent) == pytest.approx(20, abs=1)
    assert level.throughput and level.throughput.value == pytest.approx(level.throughput_per_s)
    row, table = level_row(level), tables.level_table([level])
    assert row["cpu_low"] < row["cpu_percent"] < row["cpu_high"] and row["throughput_low"] < row["throughput_high"]
    assert table["units/s"][0].startswith("8.0 [") and table["CPU (% of a core)"][0].count("[") == 1
    idle = made.resources.assign(cpu_s=1.0)  # the same in each part: nothing to make an interval of
    constant = level_of(study, replace(trial(even), resources=idle), "level-20")
    assert constant.cpu is None and "cpu_low" not in level_row(constant)


def test_the_climb_tells_of_the_requests_beside_the_units(study: Any) -> None:
    turns, few = rows("turn", 200, 900, 950), rows("request", 20, 160, 160, tag="complex")
    calm = seen(study, turns, few, rows("request", 200, 5, 5, tag="simple"))
    busy = replace(seen(study, turns, few, rows("request", 200, 6_000, 6_000, tag="simple")), users=100)
    climb, *_ = load.conclude(study, "baseline", [calm, busy], opened=calm, knee={"claim": "."}, law={},
                              trials=[trial_of()], figures={}, world="")  # fmt: skip
    assert "the p95 of simple went from 5 ms at 20 users to 6,0" in climb.claim
    assert "the p50 of complex went from 16" in climb.claim  # 20 requests bound no p95
    assert len(climb.details["operations"]) == 6


def opened(throughput: float, p50_ms: float = 1_687.0, came: int = 175) -> Level:
    p50, p95 = (Interval(x, 0.9 * x, 1.3 * x, 0.95, came, "planted") for x in (p50_ms, 2_389.0))
    return Level("open-20", 0, 8.5, came, p50, p95, None, throughput, 50.0, 90.0, 0, came)


@pytest.mark.parametrize(
    ("level", "drowns"),
    [(opened(15.2), True), (opened(20.3), False), (opened(19.0), False), (opened(16.0, came=20), False)],
    ids=["answers fewer than come", "keeps up", "chance of a window", "too few to say"],
)
def test_open_arrivals_that_drown_say_so(study: Any, level: Level, drowns: bool) -> None:
    if level.finished == 20:
        level = replace(level, throughput_per_s=0.8 * 20 / 8.5)
    closed = replace(opened(20.3), users=30)
    found = load.conclude(study, "baseline", [closed], opened=level, knee={"claim": "."}, law={},
                          trials=[trial_of()], figures={}, world="")  # fmt: skip
    claim = next(f.claim for f in found if f.id.endswith("-3"))
    assert "2389 ms [2150, 3106]" in claim
    assert ("its queue" in claim or "the queue of open arrivals grew" in claim) is drowns


def matrix_of(study: Any, conditions: dict[str, str] | None = None, **levels: tuple[Level, Level | None]) -> str:
    own = {name: level for name, (level, _) in levels.items()}
    beside = {name: requests for name, (_, requests) in levels.items() if requests}
    result = MatrixResult("baseline", conditions or {}, own, beside, None, "matrix-optimised")
    (found,) = matrix.conclude_matrix(study, [result], [trial_of()], {}, ())
    return found.claim


def level(users: int, p50_ms: float | None, failed: int = 0, finished: int = 115, kinds: Any = ()) -> Level:
    p50 = Interval(p50_ms, p50_ms - 1, p50_ms + 1, 0.95, 40, "planted") if p50_ms else None
    return Level("x", users, 7.0, finished - failed, p50, None, None, 4.0, 90.0, 90.0, failed, finished, None, kinds)


def test_a_collapse_that_leaves_no_median_is_told(study: Any) -> None:
    dead = (
        level(200, None, 36, 37, (("unanswered", 36),)),
        level(200, 9_000, 614, 667, (("unanswered", 602), ("timeout", 12))),
    )
    claim = matrix_of(study, normal=(level(50, 1_343), None), peak=(level(100, 2_828, 19), None), stress=dead)
    assert "From 50 to 100 users the p50 of baseline went from 1343 to 2828 ms" in claim
    assert "under latency=aa-fast" in claim and "at 50 users" not in claim
    assert "; at 100 users (peak) 19 of 115 turns failed" in claim
    assert (
        "; at 200 users (stress) 36 of 37 turns (36 unanswered) and 614 of 667 requests (602 unanswered, 12 timeout) "
        "failed, and too few turns finished for a p50."
    ) in claim


def test_a_matrix_names_the_condition_that_it_was_run_under(study: Any) -> None:
    claim = matrix_of(study, {"latency": "gpt-rt-1.5"}, normal=(level(50, 1_343), None))
    assert claim.endswith("under latency=gpt-rt-1.5.")
