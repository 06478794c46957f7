"""The level that all workers share, in Redis: every value carries the version that it was loaded under."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from typing import NamedTuple

from perflab.gateway.flags.store import StateRefused, StateUnavailable, StoreSettings
from perflab.gateway.flags.store._redis_link import RedisLink
from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.entries import Key
from perflab.gateway.state.cached.packing import Unfit, pack, unpack
from perflab.gateway.state.cached.settings import CacheSettings

log = logging.getLogger("perflab.gateway.cache")
EPOCH = "gwc:epoch"
RETRY_S = 0.25
UNUSABLE = StateUnavailable, StateRefused  # a cache is left alone, whatever the reason
CONNECTIONS = 32
VERSION_MS = 60_000  # at least
# KEYS: epoch, version, value. A value is read only when its prefix is the version of now; one trip for all three.
GET = """local stamp = (redis.call('GET', KEYS[1]) or '0') .. ':' .. (redis.call('GET', KEYS[2]) or '0') .. '|'
local kind = redis.call('TYPE', KEYS[3]).ok
if kind == 'none' then return {stamp, '', 'absent'} end
if kind ~= 'string' then return {stamp, '', 'rejected'} end
if redis.call('STRLEN', KEYS[3]) > tonumber(ARGV[1]) then return {stamp, '', 'oversized'} end
local held = redis.call('GET', KEYS[3])
if string.sub(held, 1, #stamp) ~= stamp then return {stamp, '', 'old'} end
return {stamp, string.sub(held, #stamp + 1), 'found'}"""
# A loader that was overtaken by a write must not put what it read before it.
PUT = """local stamp = (redis.call('GET', KEYS[1]) or '0') .. ':' .. (redis.call('GET', KEYS[2]) or '0') .. '|'
if stamp ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[3], stamp .. ARGV[2], 'PX', ARGV[3])
return 1"""


class Looked(NamedTuple):
    """What a look found: the value with the start of its load, or None, and the stamp to put a new one under."""

    found: tuple[float, object] | None
    stamp: bytes


class SharedLevel:
    """Reads, puts and invalidates in one Redis.

    Degrades: a command that fails or takes longer than `command_s` switches the level off for this process, which
    then reads from its store. Writes that go by unheard by Redis meanwhile make old what stands there: before the
    level is used again a new epoch is set for them, which makes every value of all workers unreadable. A gateway thus
    never reads what is older than its own acknowledged writes; another one may, for at most the time to live.
    Nothing is lost with the server, and it is looked for every quarter of a second: no restart is needed.
    Asked of the server: a database for each store, and no eviction of versions before values (maxmemory-policy
    volatile-ttl evicts values first; an allkeys policy may let a value outlive the version that made it old).
    """

    def __init__(self, settings: CacheSettings, counts: Counts) -> None:
        self._settings, self._counts = settings, counts
        self._link = RedisLink(StoreSettings(
            path=Path(), pending_writes=1000, redis_url=settings.redis_url, pool=CONNECTIONS,
            wait_s=settings.command_s, command_s=settings.command_s,
        ))  # fmt: skip
        self.usable = True  # what earlier gateways left is read: it is younger than the time to live
        self._missed = self._covered = 0  # writes that Redis did not hear of, and those that an epoch made up for
        # A version outlives every value that was loaded before it: once it is gone, "none" would match theirs again.
        self._version_ms = max(VERSION_MS, int(2000 * settings.ttl_s))
        self._search: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._search is not None:
            self._search.cancel()
            await asyncio.gather(self._search, return_exceptions=True)
        await self._link.close()

    async def look(self, key: Key) -> Looked | None:
        """Return what stands under a key, or None when the level cannot be used."""
        if not self.usable:
            return None
        try:
            stamp, data, outcome = await self._link.run(GET, self._keys(key), self._settings.value_bytes)
        except UNUSABLE as error:
            self._lost(error)
            return None
        if outcome == b"found":
            try:
                return Looked(unpack(key, data), stamp)
            except Unfit as error:
                log.warning("a cached value is not used: %s", error)
                outcome = b"rejected"
        if (fault := outcome.decode()) in self._counts.faults:
            self._counts.faults[fault] += 1
        return Looked(None, stamp)

    async def put(self, key: Key, stamp: bytes, began: float, value: object) -> None:
        """Keep a value that was loaded under a stamp; a write since then keeps it out."""
        data = pack(began, value)
        if len(data) > self._settings.value_bytes - 64:
            self._counts.faults["oversized"] += 1
            return
        if self.usable:
            try:
                await self._link.run(PUT, self._keys(key), stamp, data, int(1000 * self._settings.ttl_s))
            except UNUSABLE as error:
                self._lost(error)

    async def invalidate(self, session: int | None) -> None:
        """Make what was loaded for a session (None: for all) unreadable to every worker before this returns.

        Cancelled or failed on the way, it is not known what Redis heard: the level is off until a new epoch stands.
        """
        done = False
        try:
            if self.usable:
                name = EPOCH if session is None else _version_key(session)
                life = () if session is None else ("PX", self._version_ms)
                await self._link.read("SET", name, secrets.token_hex(8), *life)
                done = True
        except UNUSABLE as error:
            self._lost(error)
        finally:
            if not done:
                self._missed += 1
                self._off()

    def _keys(self, key: Key) -> tuple[str, str, str]:
        return EPOCH, _version_key(key.owner) if key.changes else "gwc:fixed", key.text

    def _lost(self, error: Exception) -> None:
        self._counts.faults["unreachable"] += 1
        if self.usable:
            log.error("the shared cache is left alone until it answers: %s", error)
        self._off()

    def _off(self) -> None:
        self.usable = False
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        """Wait until the server answers; where writes went by unheard, set a new epoch before the level is used.

        A read that failed, or a pool that was busy for a moment, makes nothing old and empties nobody's cache.
        """
        while True:
            missed = self._missed
            try:
                if missed != self._covered:
                    await self._link.read("SET", EPOCH, secrets.token_hex(8))
                    self._covered = missed
                else:
                    await self._link.read("PING")
            except UNUSABLE as error:
                log.debug("the shared cache is still away: %s", error)
                await asyncio.sleep(RETRY_S)
                continue
            if missed == self._missed:
                self.usable = True
                return


def _version_key(session: int) -> str:
    return f"gwc:version:{session}"
