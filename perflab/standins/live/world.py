"""What all sessions of one stand-in share: options, clock, voices, faults, log, counters, resumption handles."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from perflab.standins.draws import uniform
from perflab.standins.faults import FaultPlan
from perflab.standins.latency import LatencyProfile
from perflab.standins.live.voice import VoicePool
from perflab.wire.rowlog import RowLog

if TYPE_CHECKING:
    from perflab.standins.live.connection import Connection
    from perflab.standins.live.session import Session

MAX_HANDLES = 20_000
MAX_PARKED = 2_000  # sessions that wait for their resumption
ANONYMOUS_FIRST = 1_000_000_000  # numbers of sessions that name none


class Cancellable(Protocol):
    """What a clock returns for a call to come."""

    def cancel(self) -> None:
        """Forget the call."""


class Clock(Protocol):
    """Monotonic ns and timers: an event loop's, or virtual ones in tests."""

    def now_ns(self) -> int:
        """Return the time in ns."""

    def call_at(self, at_ns: int, action: Callable[[], None]) -> Cancellable:
        """Call `action` at or after `at_ns`, never before."""


class LoopClock:
    """CLOCK_MONOTONIC and the running event loop's timers, which have a resolution of 1 ms under uvloop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in ns."""
        return time.monotonic_ns()

    def call_at(self, at_ns: int, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `action` at `at_ns` rounded up to the clock's next whole millisecond.

        uvloop counts in whole milliseconds of this same clock, rounded down: so must the wait, or it fires early.
        """
        wait_ms = -(-at_ns // 1_000_000) - time.monotonic_ns() // 1_000_000
        return self._loop.call_later(max(0, wait_ms) / 1000.0, action)


@dataclass(frozen=True, slots=True)
class Options:
    """Profile and seed of think times, tool every n-th turn (0 = never), pace of the reply in x real time."""

    profile: LatencyProfile
    seed: int
    tool_every: int = 3
    pace: float = 4.0
    connection_lifetime_s: float = 0.0  # 0 = unlimited
    api_key: str = ""  # "" = any key but one that begins with "bad"


@dataclass(slots=True)
class World:
    """Everything that is one per stand-in."""

    options: Options
    clock: Clock
    log: RowLog
    faults: FaultPlan
    voices: VoicePool = field(default_factory=VoicePool)
    counts: Counter[str] = field(default_factory=Counter)
    sessions: set[Session] = field(default_factory=set)
    connections: set[Connection] = field(default_factory=set)
    handles: OrderedDict[str, Session] = field(default_factory=OrderedDict)
    parked: OrderedDict[Session, None] = field(default_factory=OrderedDict)
    ready_ns: int = 0
    _anonymous: int = ANONYMOUS_FIRST

    def elapsed_s(self) -> float:
        """Return seconds since the stand-in got ready: the time that fault schedules count in."""
        return (self.clock.now_ns() - self.ready_ns) / 1e9

    def anonymous_number(self) -> int:
        """Return a number for a session whose system instruction names none; order of arrival decides."""
        self._anonymous += 1
        return self._anonymous

    def think_s(self, session: int, turn: int) -> float:
        """Return the think time in s of one turn: as latency.think_time_s, the profile looked up once."""
        return self.options.profile.quantile(uniform(self.options.seed, "think", session, turn))

    def park(self, session: Session) -> None:
        """Keep a session for its resumption; beyond MAX_PARKED the one that waits longest is lost."""
        self.parked[session] = None
        if len(self.parked) > MAX_PARKED:
            self.parked.popitem(last=False)[0].end("lost")

    def new_handle(self, session: Session, serial: int) -> str:
        """Return a resumption handle of `session`; the oldest handles are forgotten beyond MAX_HANDLES."""
        secret = uniform(self.options.seed, "handle", session.number, serial, id(session))
        handle = f"handle-{session.number}-{serial}-{int(secret * 2**48):012x}"
        self.handles[handle] = session
        if len(self.handles) > MAX_HANDLES:
            self.handles.popitem(last=False)
        return handle
