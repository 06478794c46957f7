"""The targets on state access are judged by what the accesses met: surely met, surely missed, too few to say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perflab.experiments.state_database.targets import (
    PER_MIN,
    StateSeen,
    _accesses,
    state_sentence,
    state_targets,
)
from perflab.experiments.strategies.arrivals import Arrivals
from perflab.experiments.strategies.experiment import Target


def seen(read_ms: float, write_ms: float, per_min: float = PER_MIN, seconds: float = 14.0, late_ms: float = 1.0) -> Any:
    chance = np.random.default_rng(3)
    n = int(per_min / 60 * seconds)
    is_read = chance.random(n) < 0.8
    latency = np.where(is_read, read_ms, write_ms) * chance.lognormal(0, 0.2, n)
    ended = np.sort(chance.uniform(0, seconds, n))
    return StateSeen("optimised", "synced", seconds, Arrivals(latency, np.full(n, late_ms), 0, np.arange(n)), is_read,
                     ended)  # fmt: skip


class Answer:
    """An answer of a status, as a client's request."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def json(self) -> dict[str, str]:
        return {"durability": "synced"}

    async def read(self) -> bytes:
        return b""


class Refusing:
    """A client whose gateway refuses every write."""

    def get(self, url: str) -> Answer:
        return Answer(200)

    def post(self, url: str, json: Any) -> Answer:
        return Answer(503)


class Named:
    """A variant that is asked for nothing but its name."""

    name = "refusing"


def verdicts(study: Any, one: StateSeen) -> dict[str, str]:
    return {f.target_id: f.verdict for f in state_targets(study, one)}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (seen(5, 10), ("meets", "meets", "meets")),
        (seen(80, 10), ("misses", "meets", "misses")),  # late answers support no rate
        (seen(5, 300), ("meets", "misses", "misses")),
        (seen(5, 10, per_min=6_000), ("meets", "meets", "misses")),
    ],
)
def test_each_target_is_judged_by_its_own_figure(study: Any, one: StateSeen, expected: tuple[str, ...]) -> None:
    assert tuple(verdicts(study, one).values()) == expected


def test_a_rate_that_is_answered_late_names_what_was_late(study: Any) -> None:
    rate = state_targets(study, seen(5, 300))[-1]
    assert ", but state_write_latency p95 < 100 ms: " in rate.claim and rate.next_step
    assert rate.verdict == "misses" and rate.effect.low > 10_000  # what was answered stays what is published
    assert rate.next_step == state_targets(study, seen(5, 300))[1].next_step


def test_accesses_stand_behind_a_figure_and_not_the_parts_of_its_interval(study: Any) -> None:
    one = seen(5, 10)
    reads = int(one.is_read.sum())
    assert [f.effect.n for f in state_targets(study, one)] == [reads, one.is_read.size - reads, one.is_read.size]


def test_a_late_client_leaves_no_verdict(study: Any) -> None:
    assert set(verdicts(study, seen(5, 10, late_ms=50)).values()) == {"untrusted"}


def test_what_is_lost_leaves_no_verdict(study: Any) -> None:
    one = seen(5, 10)
    n = one.met.latency_ms.size
    for failed, expected in ((n // 200, {"meets"}), (n // 20, {"untrusted"})):
        assert set(verdicts(study, replace(one, met=replace(one.met, failed=failed))).values()) == expected


def test_a_refusal_does_not_count_towards_the_rate() -> None:
    met = asyncio.run(_accesses(Target({"api": ""}, Any, Refusing(), np.random.default_rng(1), 0.1, 0, Named())))
    assert met.met.failed > 0 and met.met.latency_ms.size > 0
    assert met.ended_s.size == met.met.latency_ms.size and met.is_read.all()


def test_few_accesses_are_not_judged(study: Any) -> None:
    one = seen(5, 10, seconds=0.1)
    assert set(verdicts(study, one).values()) <= {"inconclusive", "not-yet-judged"}
    assert "failed" in state_sentence(one)


def test_a_system_whose_catalogue_lacks_them_is_judged_on_nothing(study: Any, root: Path) -> None:
    own = study.system.model_copy(update={"targets": str(root / "tests/systems/notes/targets.toml")})
    assert state_targets(replace(study, system=own), seen(5, 10)) == []
