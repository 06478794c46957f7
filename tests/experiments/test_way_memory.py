"""The memory of a way: what it takes in client and server is found each time, and what is kept elsewhere is not its."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perflab.experiments.state_database.contest import Contest, Done, gain_rows, run_contest
from perflab.experiments.state_database.contest_findings import contest_findings
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.way_memory import WORKING, memory_rounds
from perflab.experiments.strategies.conclude import judge_arms
from perflab.experiments.study import Study
from perflab.instrument.high_water import Resident, own_bytes, reset_high_water, resident
from perflab.report.deliverables.strategy_guide import decide

from .test_state_contests import lab, study  # noqa: F401  # fixtures
from .test_state_database import small  # noqa: F401  # a fixture

MB = 1_000_000
pytestmark = pytest.mark.skipif(
    not reset_high_water(os.getpid()), reason="this machine does not let the high-water mark be reset"
)


def taking(megabytes: int, ms: float = 1.0) -> Callable[[np.random.Generator], Done]:
    """Return a way that touches some memory and gives it back."""

    def work(rng: np.random.Generator) -> Done:
        taken = bytearray(b"x") * (megabytes * MB)
        del taken
        return Done(ms * (1 + 0.01 * rng.random(20)), "same", cpu_s=ms * (1 + 0.01 * float(rng.random())))

    return work


def planted(**fields: Any) -> Contest:
    return Contest(key="planted", strategy="ST-STATE-18", title="planted memory", condition="known work",
                   **fields)  # fmt: skip


def nothing() -> None:
    """Open nothing anew."""


def test_memory_that_a_way_takes_and_gives_back_is_found_and_none_is_none(study: Study) -> None:  # noqa: F811
    contest = planted(ways={"plain": taking(0), "large": taking(60), "lean": taking(0, ms=0.5)})
    read, timed = memory_rounds(contest, nothing, 7), run_contest(contest, 12, 7)
    assert read is not None
    judged = judge_arms([timed, read])
    found = contest_findings(study, [contest], judged)
    memory = {f.variant: f for f in found if f.effect and f.effect.metric == WORKING.name}
    assert memory["large"].verdict == "worse" and memory["large"].effect.unit == "MB"
    assert 55 < memory["large"].effect.value < 65
    assert memory["lean"].verdict in ("equivalent", "trivial") and abs(memory["lean"].effect.value) < 3
    assert "connections opened anew" in memory["lean"].caveats[0]
    assert decide([f for f in found if f.variant == "lean"]) == "adopt"  # CPU, tail and memory are all shown
    shown = {row["way"]: row for row in gain_rows(judged, [timed])}
    assert "MB" in shown["large"]["working memory"] and "worse" in shown["large"]["working memory"]


def test_what_a_way_keeps_while_it_does_not_work_is_its_own() -> None:
    contest = planted(ways={"plain": taking(0), "keeps": taking(0)}, standing={"keeps": 64.0})
    read = memory_rounds(contest, nothing, 7, rounds=2)
    assert read is not None
    kept = read.column("keeps", WORKING.column) - read.column("base", WORKING.column)
    assert ((kept > 59) & (kept < 69)).all()
    assert (np.abs(read.column("null", WORKING.column) - read.column("base", WORKING.column)) < 5).all()


def test_a_server_that_sorts_shows_it_every_time(lab: Laboratory) -> None:  # noqa: F811
    """A process of the server that has sorted once keeps the room: only a fresh one shows it again."""
    connection = lab.connect(server_settings={"work_mem": "64MB"})

    def way(rows: int) -> Callable[[np.random.Generator], Done]:
        sql = f"SELECT max(t) FROM (SELECT repeat('x', 40) || i AS t FROM generate_series(1, {rows}) AS i ORDER BY 1) q"
        return lambda rng: Done(np.ones(20), str(lab.run(connection.fetchval(sql)) is not None))

    contest = planted(ways={"little": way(10), "sorts": way(250_000)}, pids=lab.postgres)
    read = memory_rounds(contest, lab.renew, 7, rounds=3)
    assert read is not None
    more = read.column("sorts", WORKING.column) - read.column("base", WORKING.column)
    assert (more > 10).all(), more


def test_what_is_opened_anew_is_another_process_with_the_same_options(lab: Laboratory) -> None:  # noqa: F811
    connection, pool = lab.connect(server_settings={"synchronous_commit": "off"}), lab.pool(2)
    ask = "SELECT pg_backend_pid(), current_setting('synchronous_commit')"
    before, in_pool = lab.run(connection.fetchrow(ask)), lab.run(pool.fetchval(ask))
    lab.renew()
    after = lab.run(connection.fetchrow(ask))
    assert before[0] != after[0] and before[1] == after[1] == "off"
    assert lab.run(pool.fetchval(ask)) != in_pool


def test_files_and_shared_pages_are_nobodys_own() -> None:
    assert Resident(peak=100, own=20, files=30, shared=40).own_peak == 30
    assert Resident(peak=100, own=20, files=50, shared=40).own_peak == 20  # never less than there is now


def test_a_process_that_is_gone_has_no_memory_and_no_mark() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert resident(child.pid) is None and own_bytes(child.pid) == 0 and not reset_high_water(child.pid)
    assert own_bytes(os.getpid()) > MB
