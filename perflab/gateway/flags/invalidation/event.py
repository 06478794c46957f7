"""Versions, and every write is announced to the other workers by Redis' publish and subscribe."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Any

from perflab.gateway.flags.invalidation.versioned import Versioned
from perflab.gateway.flags.store._redis_link import AWAY
from perflab.gateway.state.cached.counts import Counts
from perflab.gateway.state.cached.settings import CacheSettings
from perflab.gateway.state.cached.shared import SharedLevel

log = logging.getLogger("perflab.gateway.cache")
CHANNEL = "gwc:changed"
PING_S, SILENT_S, RETRY_S = 0.25, 0.75, 0.25
LONGEST = 64  # bytes of an announcement


class Announced(Versioned):
    """Another worker's level in process drops a session's values as soon as the announcement has come.

    Publishing promises nothing: an announcement that was sent while a worker was not connected is gone. So the level
    in process is used only while the subscription is known to stand (a ping every 0.25 s, 0.75 s of silence end it);
    without it the gateway reads the shared level or the store, and starts anew when it is back. A server that hangs
    is noticed after 0.75 s: that is the longest another worker's write stays unseen, as far as it is below the time
    to live.
    """

    def __init__(self, shared: SharedLevel | None, settings: CacheSettings, counts: Counts) -> None:
        super().__init__(shared, counts)
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self.local = False
        self._own = secrets.token_hex(6)
        self._unannounced = False  # a write went by that the other workers may not have heard of
        self._redis = Redis.from_url(
            settings.redis_url, socket_timeout=settings.command_s, socket_connect_timeout=settings.command_s,
            retry=Retry(NoBackoff(), 0), retry_on_error=[],
        )  # fmt: skip
        self._listener: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start to listen."""
        self._listener = asyncio.create_task(self._keep_listening())

    async def close(self) -> None:
        """Stop to listen."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self._redis.aclose()

    async def wrote(self, session: int | None) -> None:
        """Raise the versions, then announce it.

        What cannot be announced is made up for once the server is heard again, by announcing that all may be old; and
        while it is known to be silent no write waits for it.
        """
        await super().wrote(session)
        if not self.local:
            self._unannounced = True
            return
        try:
            await self._redis.publish(CHANNEL, f"{self._own} {'all' if session is None else session}")
        except AWAY as error:
            self._unannounced = True
            self._counts.faults["unreachable"] += 1
            log.debug("a write was not announced: %s", error)

    async def _keep_listening(self) -> None:
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(CHANNEL)
                await self._listen(pubsub)
            except AWAY as error:
                log.log(logging.ERROR if self.local else logging.DEBUG, "announcements are not heard: %s", error)
            finally:
                self.local = False
                await _closed(pubsub)
            await asyncio.sleep(RETRY_S)

    async def _listen(self, pubsub: Any) -> None:
        """Take announcements; raises TimeoutError when the server is silent."""
        heard = asked = time.monotonic()
        while (now := time.monotonic()) - heard < SILENT_S:
            if now - asked >= PING_S:
                asked = now
                await pubsub.ping()
                if self._unannounced:
                    await self._announce_all()
            message = await pubsub.get_message(timeout=PING_S)
            if message is None:
                continue
            heard = time.monotonic()
            if message["type"] == "subscribe":
                self.raise_local(None)
                self.local = True
                if self._unannounced:
                    await self._announce_all()
            elif message["type"] == "message":
                self._take(message["data"])
        raise TimeoutError(f"silent for {SILENT_S:g} s")

    async def _announce_all(self) -> None:
        self._unannounced = False
        try:
            await self._redis.publish(CHANNEL, f"{self._own} all")
        except AWAY:
            self._unannounced = True
            raise

    def _take(self, data: bytes) -> None:
        sender, _, what = data[:LONGEST].decode("ascii", "replace").partition(" ")
        if sender == self._own:
            return
        if what != "all" and not (what.isascii() and what.isdigit()):
            log.warning("an announcement that is none: %r", data[:LONGEST])
            return
        self._counts.heard += 1
        self.raise_local(None if what == "all" else int(what))


async def _closed(pubsub: Any) -> None:
    try:
        await pubsub.aclose()
    except AWAY as error:
        log.debug("a subscription did not close: %s", error)


def build(shared: SharedLevel | None, settings: CacheSettings, counts: Counts) -> Announced:
    """Return the invalidation."""
    return Announced(shared, settings, counts)
