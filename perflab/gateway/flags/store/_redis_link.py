"""Commands to Redis on a bounded pool of connections: a search for a connection may repeat, a command never does."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from perflab.gateway.flags.store import StateRefused, StateUnavailable, StoreSettings
from perflab.gateway.state.reach import Reach

AWAY = (OSError, TimeoutError, RedisConnectionError, RedisTimeoutError, BusyLoadingError, AuthenticationError)
# What a server says of itself, not of the command. Some have no class, and in a script the code stands in the text.
PASSING = OutOfMemoryError, ReadOnlyError, ClusterDownError, TryAgainError, NoPermissionError
PASSING_CODE = re.compile(r"\b(OOM|READONLY|MISCONF|BUSY|LOADING|NOREPLICAS|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|NOPERM)\b")


class RedisLink:
    """Sends commands and scripts.

    Degrades: while the server is away, slow or all connections are in use, a command waits up to `wait_s` for a
    connection and up to `command_s` for its answer, then raises StateUnavailable; it comes back without a restart.
    A command that the server will never take raises StateRefused.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._wait_s = settings.wait_s
        self.reach = Reach("the Redis server", settings.wait_s, settings.pending_writes)
        self._pool = BlockingConnectionPool.from_url(
            settings.redis_url, max_connections=settings.pool, timeout=settings.wait_s,
            socket_timeout=settings.command_s, socket_connect_timeout=settings.command_s,
            retry=Retry(NoBackoff(), 0), retry_on_error=[],
        )  # fmt: skip
        self.durability = ""

    async def read(self, *command: Any) -> Any:
        """Send a command that changes nothing; a broken connection is tried once more."""
        try:
            return await self._ask(command)
        except StateUnavailable as error:
            if not isinstance(error.__cause__, RedisConnectionError):
                raise
            return await self._ask(command)

    async def run(self, script: str, keys: tuple[str, ...], *values: Any) -> Any:
        """Run a script by its digest; a server that does not know it yet (started anew) is sent the text."""
        digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return await self._ask(("EVALSHA", digest, len(keys), *keys, *values))
        except NoScriptError:
            return await self._ask(("EVAL", script, len(keys), *keys, *values))

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.disconnect()

    async def _ask(self, command: tuple[Any, ...]) -> Any:
        connection = await self.reach.connection(self._connect, AWAY)
        try:
            if not self.durability:
                self.durability = await _durability(connection)
            await connection.send_command(*command)
            return await connection.read_response()
        except NoScriptError:
            raise
        except AWAY as error:
            raise self.reach.lost(error) from error
        except RedisError as error:  # the server is there and says no
            kind = StateRefused if _refuses_for_good(error) else StateUnavailable
            raise kind(f"the Redis server refused: {error}"[:300]) from error
        except BaseException:
            await connection.disconnect()  # cancelled between question and answer: the answer must not meet another
            raise
        finally:
            await self._pool.release(connection)

    async def _connect(self, left_s: float) -> Any:
        return await self._pool.get_connection()  # type: ignore[no-untyped-call]


def _refuses_for_good(error: RedisError) -> bool:
    """Whether the server says no to the command itself (a key of a wrong type), so that it will say it again."""
    passing = isinstance(error, PASSING) or PASSING_CODE.search(str(error)) is not None
    return isinstance(error, ResponseError) and not passing


async def _durability(connection: Any) -> str:
    """Return when a write is safe, as the server itself tells it; some hosted ones do not."""
    told: dict[str, str] = {}
    for name in ("appendonly", "appendfsync"):
        try:
            await connection.send_command("CONFIG", "GET", name)
            answer = await connection.read_response()
        except RedisError as error:
            if isinstance(error, AWAY):
                raise
            return "acknowledged by Redis, which does not tell whether it keeps a file"
        pair = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
        told |= {key.decode(): value.decode() for key, value in pair}
    if told.get("appendonly") != "yes":
        return "acknowledged by Redis in memory only: a crash of the server loses everything"
    lost = {
        "always": "synced before it is acknowledged",
        "everysec": "a crash loses a second, two when the disk is slow",
    }
    mode = told.get("appendfsync", "")
    when = lost.get(mode, "synced when the operating system likes")
    return f"in Redis' append-only file before it is acknowledged; appendfsync={mode}: {when}"
