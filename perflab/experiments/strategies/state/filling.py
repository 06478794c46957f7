"""Sessions with a past, written into whichever store the started gateway uses, as if they had been held before."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from perflab.errors import SystemFailure
from perflab.experiments.strategies.experiment import Target
from perflab.experiments.strategies.payloads.content import paragraphs

SESSIONS, WHEN_MS = 100, 1_700_000_000_000
COLUMNS = ("id", "session", "turn", "role", "text", "audio_bytes", "outcome", "created_ms")
SETTLE_S = 0.5  # a replica replays what was filled in


def session_rows(turns: int) -> list[tuple[Any, ...]]:
    """Return every session as the state keeps it."""
    return [(s, f"user {s}", "assistant", "closed", turns, WHEN_MS, WHEN_MS) for s in range(1, SESSIONS + 1)]


def history_rows(turns: int) -> Iterator[tuple[Any, ...]]:
    """Yield both sides of every turn, the sessions' turns mixed as a live system writes them."""
    texts, key = paragraphs(), 0
    for turn in range(1, turns + 1):
        for session in range(1, SESSIONS + 1):
            for role in ("user", "model"):
                key += 1
                text = texts[(7 * key + session) % len(texts)]
                yield key, session, turn, role, text, 64 * len(text), "ok", WHEN_MS + 1000 * turn


async def fill(target: Target, turns: int) -> None:
    """Write the rows; the gateway is asked first, so that its tables are there."""
    async with target.client.get(f"{target.api}/api/sessions/1"):
        pass
    store = target.variant.flags["store"]
    if store.startswith("postgres"):
        await _fill_postgres(_url(target, "postgres"), turns)
    elif store == "redis":
        await _fill_redis(_url(target, "redis"), turns)
    else:
        await asyncio.to_thread(_fill_sqlite, str(target.running.trial_dir / "gateway.sqlite"), turns)
    await asyncio.to_thread(os.sync)  # what is left to be written would hold up the syncs that are timed
    await asyncio.sleep(SETTLE_S)
    async with target.client.get(f"{target.api}/api/sessions/{SESSIONS}/history?limit=1") as answer:
        if answer.status != 200 or not await answer.json():
            raise SystemFailure(f"The rows written into {store} are not what the gateway shows", "", "See its log")


def _url(target: Target, name: str) -> str:
    if name in target.running.servers:
        return target.running.servers[name].url
    return next(s.own_url for s in target.running.system.server if s.name == name)


def _fill_sqlite(path: str, turns: int) -> None:
    with closing(sqlite3.connect(path, timeout=20)) as connection, connection:
        connection.executemany("INSERT OR REPLACE INTO sessions VALUES (?,?,?,?,?,?,?)", session_rows(turns))
        marks = ",".join("?" * len(COLUMNS))
        connection.executemany(f"INSERT INTO history ({','.join(COLUMNS)}) VALUES ({marks})", history_rows(turns))


async def _fill_postgres(url: str, turns: int) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DELETE FROM sessions; DELETE FROM history")
        await connection.copy_records_to_table("sessions", records=session_rows(turns))
        await connection.copy_records_to_table("history", records=history_rows(turns), columns=COLUMNS)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _fill_redis(url: str, turns: int) -> None:
    import orjson
    import redis.asyncio as redis

    fields = ("user", "template", "status", "turns", "created_ms", "updated_ms")
    client = redis.Redis.from_url(url)
    try:
        trip = client.pipeline(transaction=False)
        for number, *values in session_rows(turns):
            trip.hset(f"gw:session:{number}", mapping=dict(zip(fields, values, strict=True)))
        await trip.execute()
        rows, last = history_rows(turns), 0
        while batch := list(islice(rows, 2000)):
            for key, session, *rest in batch:
                trip.zadd(f"gw:history:{session}", {b"%d:%s" % (key, orjson.dumps([session, *rest])): key})
                last = key
            await trip.execute()
        await client.set("gw:last:history", last)
    finally:
        await client.aclose()
