"""A leaderboard under a burst of submissions: sorted when asked, ranked in a view, or kept sorted by Redis too."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.strategies.experiment import FigureSpec

PLAYERS, BURSTS, SHOWN = 10_000, 5, 10
NAMES = ("sorted when asked", "ranked in a view", "Redis sorted set")
TOP = f"SELECT player, score FROM scores ORDER BY score DESC, player DESC LIMIT {SHOWN}"
RANK = "SELECT count(*) FROM scores WHERE (score, player) > (SELECT score, player FROM scores WHERE player = $1)"
SUBMIT = """INSERT INTO scores VALUES ($1, $2) ON CONFLICT (player) DO UPDATE SET score = scores.score + $2"""
VIEW_TOP = f"SELECT player, score FROM ranked ORDER BY rank LIMIT {SHOWN}"
VIEW_RANK = "SELECT rank - 1 FROM ranked WHERE player = $1"
SUBMISSION = FigureSpec("submit_ms", "submission p95", "ms", 0.10)
REFRESH = FigureSpec("refresh_ms", "refresh after a burst, median", "ms", 1.0, in_units=True)  # 0 without one
Item = TypeVar("Item")
Submit = Callable[[int, int], Awaitable[Any]]
Read = Callable[[int], Awaitable[tuple[list[tuple[int, int]], int]]]
AfterBurst = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Board:
    """One leaderboard: add points, read the ten best and one player's place, and what follows a burst."""

    submit: Submit
    read: Read
    after: AfterBurst | None = None


@dataclass(frozen=True)
class Traffic:
    """What comes at once, BURSTS times a block: `submissions` of points and `reads` of the board, evenly mixed."""

    submissions: int
    reads: int


WRITTEN, READ = Traffic(24, 12), Traffic(4, 40)  # each of 20 or more a block, so that both have a tail


def seeds() -> np.ndarray:
    """Return the points at the start, int64 [players], no two alike."""
    return np.random.default_rng(18).permutation(PLAYERS * 50)[:PLAYERS].astype(np.int64)


def boards(lab: Laboratory) -> dict[str, Board]:
    """Return the three leaderboards, empty."""
    lab.execute("DROP TABLE IF EXISTS scores CASCADE", "CREATE TABLE scores (player BIGINT PRIMARY KEY, score BIGINT)",
                "CREATE INDEX ON scores (score DESC, player DESC)",
                "CREATE MATERIALIZED VIEW ranked AS SELECT player, score, row_number() OVER "
                "(ORDER BY score DESC, player DESC) AS rank FROM scores",
                "CREATE UNIQUE INDEX ON ranked (player)", "CREATE UNIQUE INDEX ON ranked (rank)")  # fmt: skip
    pool, client = lab.pool(8), lab.redis

    async def submit(player: int, points: int) -> None:
        await pool.execute(SUBMIT, player, points)

    def sql(top: str, rank: str) -> Read:
        async def read(player: int) -> tuple[list[tuple[int, int]], int]:
            async with pool.acquire() as connection:
                best = [tuple(row) for row in await connection.fetch(top)]
                return best, await connection.fetchval(rank, player)

        return read

    async def add(player: int, points: int) -> None:
        await submit(player, points)  # the table stays the truth: this board must lose as little as the others
        await client.zincrby("scores", points, f"{player:08d}")

    async def ranked(player: int) -> tuple[list[tuple[int, int]], int]:
        trip = client.pipeline(transaction=False)
        trip.zrevrange("scores", 0, SHOWN - 1, withscores=True)
        trip.zrevrank("scores", f"{player:08d}")
        best, rank = await trip.execute()
        return [(int(name), int(score)) for name, score in best], rank

    async def refresh() -> None:
        await pool.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY ranked")

    return {NAMES[0]: Board(submit, sql(TOP, RANK)), NAMES[1]: Board(submit, sql(VIEW_TOP, VIEW_RANK), refresh),
            NAMES[2]: Board(add, ranked)}  # fmt: skip


def refill(lab: Laboratory, name: str) -> None:
    """Bring the points at the start back, for the board that is measured next."""
    points = [(player, int(score)) for player, score in enumerate(seeds())]

    async def to_redis(client: Any) -> None:
        await client.delete("scores")
        await client.zadd("scores", {f"{player:08d}": score for player, score in points})

    if name == NAMES[2]:
        lab.run(to_redis(lab.redis))
    lab.execute("TRUNCATE scores")
    lab.run(lab.own.copy_records_to_table("scores", records=points))
    lab.execute("ANALYZE scores", "REFRESH MATERIALIZED VIEW ranked")


def leaderboard(lab: Laboratory) -> Contest:
    """Add points in bursts and read the board beside them; what is read when all is refreshed must agree."""
    return _contest(lab, "leaderboard", "a leaderboard under a burst of submissions", WRITTEN)


def leaderboard_read(lab: Laboratory) -> Contest:
    """The same board where ten look for one who adds points: what is paid at a submission is gained at the reads."""
    return _contest(lab, "leaderboard-read", "a leaderboard that is read far more often than it changes", READ)


def _contest(lab: Laboratory, key: str, title: str, traffic: Traffic) -> Contest:
    made = boards(lab)

    def way(board: Board) -> Work:
        return lambda rng: lab.run(_bursts(board, traffic, rng))

    refill(lab, NAMES[2])
    bytes_in_redis = lab.run(lab.redis.memory_usage("scores", samples=0))
    return Contest(
        key=key, strategy="ST-CACHE-18", title=title,
        pids=(*lab.postgres, *lab.redis_pids), before=lambda name: refill(lab, name), figures=(SUBMISSION, REFRESH),
        condition=f"{PLAYERS:,} players, {traffic.reads} reads of the ten best and one's own place beside "
        f"{traffic.submissions} submissions at once, each committed to the table before it counts, the Redis way's "
        "too; the view is refreshed beside the next burst; response: of a read; CPU per submission and read",
        ways={name: way(board) for name, board in made.items()},
        strategies={NAMES[1]: "ST-STATE-07"}, standing={NAMES[2]: bytes_in_redis / 1e6},
        plans={NAMES[0]: lab.plan(RANK.replace("$1", "1")), NAMES[1]: lab.plan(VIEW_RANK.replace("$1", "1")),
               NAMES[2]: "ZREVRANK: a skip list, O(log n)"},
        facts={NAMES[0]: lab.megabytes("scores"), NAMES[1]: f"{lab.megabytes('ranked')} more, old until refreshed",
               NAMES[2]: f"{bytes_in_redis / 1e6:.1f} MB of memory, rebuilt in {_rebuild_ms(lab):.0f} ms"},
        price="Redis: two writes for each submission, because the table stays the truth; a second copy of the points, "
        "wrong until it is rebuilt when Redis loses it or a writer ends between the two. A view: all players ranked "
        "anew by each refresh, beside whatever comes meanwhile",
        turns="few players, or a board that is read seldom",
    )  # fmt: skip


def _rebuild_ms(lab: Laboratory) -> float:
    async def rebuild(connection: Any, client: Any) -> float:
        began = time.perf_counter()
        rows = await connection.fetch("SELECT player, score FROM scores")
        await client.zadd("scores", {f"{player:08d}": score for player, score in rows})
        return 1e3 * (time.perf_counter() - began)

    return lab.run(rebuild(lab.own, lab.redis))


async def _bursts(board: Board, traffic: Traffic, rng: np.random.Generator) -> Done:
    """Let burst after burst come; a refresh runs beside the next one, as users do not wait for it."""
    players = rng.integers(PLAYERS, size=(BURSTS, traffic.reads + traffic.submissions))
    points = rng.integers(1, 5000, size=(BURSTS, traffic.submissions))
    reads, submits, refreshes, answers = list[float](), list[float](), list[float](), hashlib.sha256()

    async def timed(work: Awaitable[Any], into: list[float]) -> None:
        began = time.perf_counter()
        await work
        into.append(1e3 * (time.perf_counter() - began))

    refresh: asyncio.Task[None] | None = None
    for who, what in zip(players.tolist(), points.tolist(), strict=True):
        sent = [timed(board.submit(*one), submits) for one in zip(who[traffic.reads :], what, strict=True)]
        seen = [timed(board.read(player), reads) for player in who[: traffic.reads]]
        await asyncio.gather(*_mixed(sent, seen))
        if refresh is not None:
            await refresh
        if board.after is not None:
            refresh = asyncio.create_task(timed(board.after(), refreshes))
    if refresh is not None:
        await refresh
    for player in players[:, 0].tolist():
        answers.update(repr(await board.read(player)).encode())
    took = float(np.median(refreshes)) if refreshes else 0.0
    figures = {SUBMISSION.column: float(np.quantile(submits, 0.95)), REFRESH.column: took}
    requests = BURSTS * (traffic.submissions + traffic.reads + 1)  # a refresh is part of their price, not one of them
    return Done(np.array(reads), answers.hexdigest(), figures, requests=requests)


def _mixed(*kinds: list[Item]) -> list[Item]:
    """Return all items, those of each kind at even distances."""
    placed = [((i + 0.5) / len(kind), n, item) for n, kind in enumerate(kinds) for i, item in enumerate(kind)]
    return [item for _, _, item in sorted(placed, key=lambda one: one[:2])]
