"""A million rows of history, brought into each store in bulk, in its own way."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

SESSIONS, TURNS = 20_000, 25
PER_SESSION = 2 * TURNS  # what was heard and what was said
ROWS = SESSIONS * PER_SESSION
REWRITTEN_POLL_S = 0.02
WHEN = 1_700_000_000_000
WORDS = "please write a function that sorts the lines of a file and removes what is there twice"
COLUMNS = ("session", "turn", "role", "text", "audio_bytes", "outcome", "created_ms")


def sessions(count: int) -> Iterator[tuple[Any, ...]]:
    """Yield every session."""
    for number in range(1, count + 1):
        yield number, "Ada", "assistant", "closed", TURNS, WHEN, WHEN


def history(count: int) -> Iterator[tuple[Any, ...]]:
    """Yield every side of every turn, as a live system writes them: the sessions' turns mixed, not session by session.

    A page of history therefore lies scattered over the table, and reading it costs what it costs in real life.
    """
    for turn in range(1, TURNS + 1):
        for number in range(1, count + 1):
            yield number, turn, "user", WORDS[turn % 7 :], 64_000, "ok", WHEN
            yield number, turn, "model", WORDS[turn % 11 :], 96_000, "ok", WHEN


def fill_sqlite(path: Path, count: int = SESSIONS) -> None:
    """Insert into the tables that the store has made, as one transaction."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = off")
        connection.executemany("INSERT INTO sessions VALUES (?,?,?,?,?,?,?)", sessions(count))
        marks = ",".join("?" * len(COLUMNS))
        connection.executemany(f"INSERT INTO history ({','.join(COLUMNS)}) VALUES ({marks})", history(count))


def fill_postgres(url: str, count: int = SESSIONS) -> None:
    """Copy into the tables that the store has made, then let the planner see them."""
    import asyncpg

    async def copy() -> None:
        connection = await asyncpg.connect(url)
        await connection.copy_records_to_table("sessions", records=sessions(count))
        await connection.copy_records_to_table("history", records=history(count), columns=COLUMNS)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
        await connection.close()

    with ThreadPoolExecutor(1) as aside:  # a notebook's own event loop is busy running the cell
        aside.submit(asyncio.run, copy()).result()


def fill_redis(url: str, count: int = SESSIONS, per_trip: int = 2000) -> None:
    """Write the store's own keys in long pipelines, its file synced only afterwards and then made compact."""
    import orjson
    import redis

    with redis.Redis.from_url(url) as client:
        synced = client.config_get("appendfsync")["appendfsync"]
        client.config_set("appendfsync", "no")
        trip = client.pipeline(transaction=False)
        for number, user, template, status, turns, created, updated in sessions(count):
            trip.hset(f"gw:session:{number}", mapping={"user": user, "template": template, "status": status,
                      "turns": turns, "created_ms": created, "updated_ms": updated})  # fmt: skip
            if number % per_trip == 0:
                trip.execute()
        for key, row in enumerate(history(count), 1):
            trip.zadd(f"gw:history:{row[0]}", {b"%d:%s" % (key, orjson.dumps(row)): key})
            if key % per_trip == 0:
                trip.execute()
        trip.set("gw:last:history", count * PER_SESSION)
        trip.execute()
        client.config_set("appendfsync", synced)
        _compact(client)


def _compact(client: Any) -> None:
    """Let Redis write its file anew, as small as it can be, and wait for it; what it rewrites by itself comes first."""
    from redis.exceptions import ResponseError

    while True:
        try:
            client.bgrewriteaof()
            break
        except ResponseError as error:
            if "already in progress" not in str(error):
                raise
            _until_rewritten(client)
    _until_rewritten(client)


def _until_rewritten(client: Any) -> None:
    while (seen := client.info("persistence"))["aof_rewrite_in_progress"] or seen["aof_rewrite_scheduled"]:
        time.sleep(REWRITTEN_POLL_S)
