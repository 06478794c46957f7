"""Who waits for which session, and how one of them is woken; the hub holds no events."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge

from perflab.gateway.flags.events._cursor import Cursor, Event, events_after
from perflab.gateway.metrics import Metrics
from perflab.gateway.state.interface import State

log = logging.getLogger("perflab.gateway.events")
MOST_WATCHERS = 2000
HEARTBEAT_S = 15.0  # below the idle time-out of common proxies, 60 s
AGAIN_S = 1.2  # a cache of the default time to live has forgotten by then what it held from before the wake-up
SLOW_S = 5.0  # a client whose connection takes nothing for so long is dropped
LOOKS, LOOK_S = 6, 0.05  # a store that acknowledges before it commits shows the row a moment later


class HubFull(Exception):
    """As many clients wait as the gateway may hold."""


class Hub:
    """Watchers by session."""

    def __init__(self) -> None:
        self._watching: dict[int, set[asyncio.Event]] = defaultdict(set)
        self.watchers = 0
        self.closed = False
        self._dropped: Counter

    def count_in(self, metrics: Metrics) -> None:
        """Show the watchers, and those dropped, among the metrics."""
        Gauge("gateway_event_watchers", "Clients that wait for events", registry=metrics.registry).set_function(
            lambda: self.watchers
        )
        self._dropped = Counter(
            "gateway_event_clients_dropped", "Event clients that were let go", ["reason"], registry=metrics.registry
        )

    def announce(self, session: int) -> None:
        """Wake the session's watchers."""
        for watcher in self._watching.get(session, ()):
            watcher.set()

    def close(self) -> None:
        """Wake everybody for the last time."""
        self.closed = True
        for watchers in self._watching.values():
            for watcher in watchers:
                watcher.set()

    def drop(self, session: int, reason: str) -> None:
        """Count and log a client that is let go."""
        self._dropped.labels(reason).inc()
        log.warning("an event client of session %d is dropped: %s", session, reason)

    @contextmanager
    def watch(self, session: int) -> Iterator[asyncio.Event]:
        """Take a place among the session's watchers; raises HubFull."""
        if self.watchers >= MOST_WATCHERS:
            raise HubFull(f"{MOST_WATCHERS} clients wait for events already")
        watcher = asyncio.Event()
        self._watching[session].add(watcher)
        self.watchers += 1
        try:
            yield watcher
        finally:
            self.watchers -= 1
            self._watching[session].discard(watcher)
            if not self._watching[session]:
                del self._watching[session]


async def follow(hub: Hub, state: State, session: int, cursor: Cursor) -> AsyncGenerator[list[Event], None]:
    """Yield what is new since the cursor whenever there is something, and an empty list as a heartbeat.

    Ends when the gateway stops; raises HubFull, TooFarBehind and StateUnavailable. The state is looked at again at each
    heartbeat too, and `AGAIN_S` after a wake-up that showed nothing, so that one that came before its commit, or was
    answered by a cache, delays an event and never loses it.
    """
    with hub.watch(session) as watcher:
        woken = again = False
        while not hub.closed:
            watcher.clear()
            events = await _look(state, session, cursor, LOOKS if woken else 1)
            if events or not (woken or again):
                yield events
            cursor = events[-1].cursor if events else cursor
            again = woken and not events
            woken = await _woken(watcher, AGAIN_S if again else HEARTBEAT_S)


async def first_news(hub: Hub, state: State, session: int, cursor: Cursor, wait_s: float) -> list[Event]:
    """Return what is new, or what comes within `wait_s`, or nothing; raises as `follow`."""
    with hub.watch(session) as watcher:
        until = asyncio.get_running_loop().time() + wait_s
        if events := await events_after(state, session, cursor):
            return events
        woken = await _woken(watcher, wait_s)
        events = await _look(state, session, cursor, LOOKS if woken else 1)
        if woken and not events and not hub.closed:
            await asyncio.sleep(min(AGAIN_S, max(until - asyncio.get_running_loop().time(), 0.0)))
            events = await events_after(state, session, cursor)
        return events


async def _look(state: State, session: int, cursor: Cursor, looks: int) -> list[Event]:
    for look in range(looks):
        if look:
            await asyncio.sleep(LOOK_S)
        if events := await events_after(state, session, cursor):
            return events
    return []


async def _woken(watcher: asyncio.Event, wait_s: float) -> bool:
    try:
        async with asyncio.timeout(wait_s):
            await watcher.wait()
    except TimeoutError:
        return False
    return True
