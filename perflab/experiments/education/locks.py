"""One of many does the work: no lock, a lease in Redis with a fencing token, an advisory lock of PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, Work
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.precompute import LIVE
from perflab.experiments.strategies.experiment import FigureSpec

CALLERS, ROUNDS, LEASE_MS, POLL_S = 8, 3, 2000, 0.001
DUPLICATES = FigureSpec("made_per_value", "times that a value was made", "", 0.10)
# The lease and its fencing token in one step: the token rises with every holder, so that a later one is larger.
ACQUIRE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return token
"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
# What is written carries its token: a store that has seen a larger one refuses.
FENCED_WRITE = """
if tonumber(ARGV[1]) < tonumber(redis.call('HGET', KEYS[1], 'token') or '0') then return 0 end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'value', ARGV[2])
return 1
"""
Lock = Callable[[str], AbstractAsyncContextManager[int]]


@asynccontextmanager
async def redis_lock(client: Any, name: str, lease_ms: int = LEASE_MS) -> AsyncIterator[int]:
    """Hold a lease and yield its fencing token; waits, asking again and again, while another holds it.

    Safe only with the token: a holder that is paused for longer than its lease goes on as if it held it. `SET NX PX`
    by one server; several servers (Redlock) do not mend that. Source: Kleppmann 2016, "How to do distributed locking".
    """
    own, keys = secrets.token_hex(8), (f"lock:{name}", f"lock:token:{name}")
    while not (token := await client.eval(ACQUIRE, 2, *keys, own, lease_ms)):
        await asyncio.sleep(POLL_S)
    try:
        yield int(token)
    finally:
        await client.eval(RELEASE, 1, keys[0], own)


async def fenced_write(client: Any, name: str, token: int, value: str) -> bool:
    """Write with a token and say whether it was taken; a token older than the last one is refused."""
    return bool(await client.eval(FENCED_WRITE, 1, f"value:{name}", token, value))


@asynccontextmanager
async def advisory_lock(pool: Any, name: str) -> AsyncIterator[int]:
    """Hold a lock of PostgreSQL for a transaction; it ends with the connection, not with a time."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
        yield 0


@asynccontextmanager
async def no_lock(name: str) -> AsyncIterator[int]:
    """Hold nothing."""
    yield 0


def one_of_many(lab: Laboratory) -> Contest:
    """Let eight callers want a value that has expired: who finds it missing makes it, under each kind of lock."""
    client, pool, makers = lab.redis, lab.pool(CALLERS), lab.pool(CALLERS)
    locks: dict[str, Lock] = {
        "no lock": no_lock, "Redis lease with fencing": lambda name: redis_lock(client, name),
        "PostgreSQL advisory lock": lambda name: advisory_lock(pool, name),
    }  # fmt: skip

    def way(lock: Lock) -> Work:
        return lambda rng: lab.run(_rounds(lock, lambda: makers.fetch(LIVE), rng))

    return Contest(
        key="one-of-many", strategy="ST-CACHE-19", title="one of many makes an expired value",
        pids=(*lab.postgres, *lab.redis_pids), figures=(DUPLICATES,),
        condition=f"{CALLERS} callers at once; the value is the top ten of {lab.place.rows:,} rows",
        ways={name: way(lock) for name, lock in locks.items()},
        price="all wait for one; a holder that dies holds until its lease (Redis) or connection (PostgreSQL) ends",
        turns="work that is cheaper than the round trips to the lock; callers that seldom meet",
    )  # fmt: skip


async def _rounds(lock: Lock, make: Callable[[], Awaitable[Any]], rng: np.random.Generator) -> Done:
    took, made = list[float](), 0
    values: dict[str, str] = {}

    async def caller(name: str) -> None:
        nonlocal made
        began = time.perf_counter()
        if name not in values:
            async with lock(name):
                if name not in values:  # another may have made it while this one waited
                    made += 1
                    values[name] = repr(await make())
        took.append(1e3 * (time.perf_counter() - began))

    for number in rng.integers(1 << 40, size=ROUNDS).tolist():
        await asyncio.gather(*(caller(str(number)) for _ in range(CALLERS)))
    return Done(np.array(took), repr(sorted(values.items())), {DUPLICATES.column: made / ROUNDS})


@dataclass(frozen=True)
class Paused:
    """What became of the writes of a holder that was paused for longer than its lease."""

    lock: str
    late_write: str
    value: str
    next_waited_ms: float
    paused_ms: float

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {"lock": self.lock, "write of the paused holder": self.late_write, "value in the end": self.value,
                "paused (ms)": round(self.paused_ms),
                "the next holder waited (ms)": round(self.next_waited_ms)}  # fmt: skip


async def paused_holders(redis_client: Any, pool: Any, lease_ms: int = 60, pause_s: float = 0.15) -> tuple[Paused, ...]:
    """Pause a holder for longer than its lease while another takes over, under each lock, and look at what stands."""
    return (
        await _paused_in_redis(redis_client, lease_ms, pause_s, fenced=False),
        await _paused_in_redis(redis_client, lease_ms, pause_s, fenced=True),
        await _paused_in_postgres(pool, pause_s),
    )


async def _paused_in_redis(client: Any, lease_ms: int, pause_s: float, *, fenced: bool) -> Paused:
    name, waited, paused, late = f"paused:{secrets.token_hex(4)}", 0.0, 0.0, False
    held = asyncio.Event()

    async def write(token: int, value: str) -> bool:
        if fenced:
            return await fenced_write(client, name, token, value)
        await client.hset(f"value:{name}", mapping={"value": value})
        return True

    async def first() -> None:
        nonlocal late, paused
        async with redis_lock(client, name, lease_ms) as token:
            held.set()
            paused = await _pause(pause_s)
            late = await write(token, "old, by the paused holder")

    async def second() -> None:
        nonlocal waited
        await held.wait()
        began = time.perf_counter()
        async with redis_lock(client, name, lease_ms) as token:
            waited = 1e3 * (time.perf_counter() - began)
            await write(token, "new")

    await asyncio.gather(first(), second())
    value = (await client.hget(f"value:{name}", "value")).decode()
    lock = "Redis lease, writes carry the fencing token" if fenced else "Redis lease alone"
    return Paused(lock, "taken" if late else "refused", value, waited, paused)


async def _pause(seconds: float) -> float:
    """Stand still as if the collector, the machine or the network paused; return for how long, in ms."""
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    return 1e3 * (time.perf_counter() - began)


async def _paused_in_postgres(pool: Any, pause_s: float) -> Paused:
    name, waited, paused, values = f"paused:{secrets.token_hex(4)}", 0.0, 0.0, list[str]()
    held = asyncio.Event()

    async def first() -> None:
        nonlocal paused
        async with advisory_lock(pool, name):
            held.set()
            paused = await _pause(pause_s)
            values.append("old, by the paused holder")

    async def second() -> None:
        nonlocal waited
        await held.wait()
        began = time.perf_counter()
        async with advisory_lock(pool, name):
            waited = 1e3 * (time.perf_counter() - began)
            values.append("new")

    await asyncio.gather(first(), second())
    order = "before" if values[0].startswith("old") else "after"
    return Paused("PostgreSQL advisory lock", f"taken, {order} the next holder's", values[-1], waited, paused)


def paused_sentence(seen: tuple[Paused, ...]) -> str:
    """Say which locks are safe when their holder is paused, and what that costs the next one."""
    parts = [f'{p.lock}: late write {p.late_write}, in the end the value is "{p.value}"' for p in seen]
    return (
        f"A holder that is paused for longer than its lease: {'; '.join(parts)}. The advisory lock has no lease: the "
        f"next holder waited {seen[-1].next_waited_ms:.0f} ms, the pause lasted {seen[-1].paused_ms:.0f} ms. "
        "One try each."
    )
