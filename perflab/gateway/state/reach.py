"""Reaching a server that may be away: wait a bounded time for a connection, never repeat a write."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from perflab.gateway.flags.store import StateUnavailable, StoreFull

log = logging.getLogger("perflab.gateway.store")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25
Connection = TypeVar("Connection")


class Reach:
    """Looks for a connection again and again for `wait_s`; at most `limit` accesses wait at a time.

    Only the search is repeated: nothing has been sent by then. Once a write is under way a lost connection leaves
    open whether it was committed, so it is reported as unavailable and the caller, who got no acknowledgement, decides.
    """

    def __init__(self, what: str, wait_s: float, limit: int) -> None:
        self.what, self.wait_s, self.limit = what, wait_s, limit
        self.reachable = True
        self._waiting = 0

    async def connection(
        self, connect: Callable[[float], Awaitable[Connection]], away: tuple[type[BaseException], ...]
    ) -> Connection:
        """Return what `connect(seconds left)` yields; raises StateUnavailable when time is up, StoreFull at once."""
        if self._waiting >= self.limit:
            raise StoreFull(f"{self.limit} accesses are waiting for {self.what}")
        self._waiting += 1
        try:
            return await self._search(connect, away)
        finally:
            self._waiting -= 1

    async def _search(
        self, connect: Callable[[float], Awaitable[Connection]], away: tuple[type[BaseException], ...]
    ) -> Connection:
        deadline, pause = time.monotonic() + self.wait_s, FIRST_PAUSE_S
        while True:
            left = deadline - time.monotonic()
            try:
                found = await connect(max(left, FIRST_PAUSE_S))
            except away as error:
                if deadline - time.monotonic() <= pause:
                    raise self.lost(error) from None
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self._note(True, "")
                return found

    def lost(self, error: BaseException) -> StateUnavailable:
        """Note that the server is away, and return the error to raise."""
        said = " ".join(str(error).split()) or type(error).__name__
        self._note(False, said)
        return StateUnavailable(f"{self.what} cannot be reached: {said}"[:300])

    def _note(self, reachable: bool, why: str) -> None:
        if reachable != self.reachable:
            log.log(logging.INFO if reachable else logging.ERROR, "%s is %s%s", self.what,
                    "back" if reachable else "away: ", why)  # fmt: skip
        self.reachable = reachable
