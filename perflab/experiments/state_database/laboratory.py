"""Where the comparisons work: the servers of the place, a loop of its own, and connections that are closed with it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from perflab.experiments.state_database.contest import (
    FEWEST,
    FULL_BLOCKS,
    QUICK_BLOCKS,
    Contest,
    run_contest,
    timed_result,
)
from perflab.experiments.state_database.kept_contests import measured_once
from perflab.experiments.state_database.place import Place
from perflab.experiments.state_database.way_memory import ROUNDS, memory_result, memory_rounds
from perflab.experiments.strategies.conclude import ArmJudged, judge_arms
from perflab.experiments.strategies.loop_thread import LoopThread
from perflab.experiments.strategies.run import ExperimentResult
from perflab.experiments.study import Study

Answer = TypeVar("Answer")
Closed = TypeVar("Closed")
Opening = Callable[[], Coroutine[Any, Any, Any]]


class Reopened:
    """A connection or pool that can be opened anew under those who hold it: every attribute is the present one's."""

    def __init__(self, opening: Opening, opened: Any) -> None:
        self.opening, self.opened = opening, opened

    def __getattr__(self, name: str) -> Any:
        return getattr(self.opened, name)

    async def renew(self) -> None:
        """Close what is open and open another."""
        await self.opened.close()
        self.opened = await self.opening()


@dataclass
class Laboratory:
    """Servers, a loop, and how many rows and blocks the effort allows."""

    place: Place
    loop: LoopThread
    full: bool = False
    _open: list[Any] = field(default_factory=list)
    _files: list[sqlite3.Connection] = field(default_factory=list)

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run a coroutine to its end."""
        return self.loop.run(work)

    def operations(self, few: int) -> int:
        """Return how many operations a way does in a block: at full effort as many as a tail can be told of."""
        return max(few, FEWEST) if self.full else few

    def connect(self, **options: Any) -> Any:
        """Return a new connection to PostgreSQL; `options` go to asyncpg."""
        import asyncpg

        async def opened() -> Any:
            return await asyncpg.connect(self.place.postgres.url, **options)

        return self._opened(opened)

    @cached_property
    def own(self) -> Any:
        """The laboratory's own connection, for what is not measured."""
        return self.connect()

    @cached_property
    def redis(self) -> Any:
        """A client of Redis with as many connections as are in use at a time."""
        import redis.asyncio as redis

        return self.kept(redis.Redis.from_url(self.place.redis.url, max_connections=64))

    def kept(self, one: Closed) -> Closed:
        """Return what was opened, after noting that it is closed with the laboratory."""
        self._open.append(one)
        return one

    def pool(self, size: int) -> Any:
        """Return a new pool of connections to PostgreSQL, all of them open."""
        import asyncpg

        async def opened() -> Any:  # a pool belongs to the loop that it is made in
            return await asyncpg.create_pool(self.place.postgres.url, min_size=size, max_size=size)

        return self._opened(opened)

    def _opened(self, opening: Opening) -> Reopened:
        return self.kept(Reopened(opening, self.run(opening())))

    def renew(self) -> None:
        """Open every connection to PostgreSQL anew: behind each is a fresh process then, which has kept nothing."""
        for one in self._open:
            if isinstance(one, Reopened):
                self.run(one.renew())

    def file(self, path: Path, **options: Any) -> sqlite3.Connection:
        """Return a new connection to a SQLite file, for the thread that asks; `options` go to sqlite3."""
        connection: sqlite3.Connection = sqlite3.connect(path, **options)
        self._files.append(connection)
        return connection

    def execute(self, *statements: str) -> None:
        """Run statements on PostgreSQL, one after the other."""
        for statement in statements:
            self.run(self.own.execute(statement))

    def plan(self, sql: str, *values: Any) -> str:
        """Return the plan of a query, on one line."""
        told = self.run(self.own.fetch(f"EXPLAIN (COSTS OFF) {sql}", *values))
        return " ".join(" ".join(row[0].split()) for row in told)

    def megabytes(self, relation: str) -> str:
        """Return how much disk a table, an index or a view takes."""
        size = self.run(self.own.fetchval("SELECT pg_total_relation_size($1::text::regclass)", relation))
        return f"{size / 1e6:.1f} MB"

    @property
    def postgres(self) -> tuple[int, ...]:
        """The process whose CPU PostgreSQL costs."""
        return (self.place.postgres.process.pid,)

    @property
    def redis_pids(self) -> tuple[int, ...]:
        """The process whose CPU Redis costs."""
        return (self.place.redis.process.pid,)

    def close(self) -> None:
        """Close every connection, the last one first: a subscription goes before its client."""
        for file in self._files:
            file.close()
        for one in reversed(self._open):
            self.run(one.aclose() if hasattr(one, "aclose") else one.close())


@contextmanager
def laboratory(place: Place, *, full: bool = False) -> Iterator[Laboratory]:
    """Open a laboratory in the place and close its connections at the end; `full` does more in each block."""
    with LoopThread() as loop:
        lab = Laboratory(place, loop, full)
        try:
            yield lab
        finally:
            lab.close()


@dataclass(frozen=True)
class Held:
    """Contests that were held: what was asked, what was timed, and how it and the memory were judged as one family."""

    contests: tuple[Contest, ...]
    results: tuple[ExperimentResult, ...]
    judged: tuple[ArmJudged, ...]


def hold(study: Study, place: Place, makers: tuple[Callable[[Laboratory], Contest], ...]) -> Held:
    """Prepare and run one contest after the other, and judge all of their ways as one family in each figure.

    Full: Holm, published, with rounds for memory after those that are timed. Quick: a screening, because few blocks of
    one start are not to be adopted by. What the run has of a contest already is read back.
    """
    contests, results, memory = [], [], []
    for i, make in enumerate(makers):
        study.progress("contests", i, len(makers), make.__module__.rpartition(".")[2])
        with laboratory(place, full=not study.quick) as lab:
            contest = make(lab)
            contests.append(contest)
            os.sync()  # what its tables left in memory to be written would hold up the syncs that are timed
            results.append(_timed(study, place, contest))
            if not study.quick and (read := _risen(study, place, contest, lab)):
                memory.append(read)
    return Held(tuple(contests), tuple(results), judge_arms([*results, *memory]))


def _timed(study: Study, place: Place, contest: Contest) -> ExperimentResult:
    blocks = QUICK_BLOCKS if study.quick else FULL_BLOCKS
    found = measured_once(
        study, contest, "timed", {"rows": place.rows, "blocks": blocks},
        lambda: run_contest(contest, blocks, study.seed, screening=study.quick),
        lambda rows: timed_result(contest, rows, screening=study.quick),
    )  # fmt: skip
    assert found is not None
    return found


def _risen(study: Study, place: Place, contest: Contest, lab: Laboratory) -> ExperimentResult | None:
    return measured_once(
        study, contest, "memory", {"rows": place.rows, "rounds": ROUNDS},
        lambda: memory_rounds(contest, lab.renew, study.seed), lambda rows: memory_result(contest, rows),
    )  # fmt: skip
