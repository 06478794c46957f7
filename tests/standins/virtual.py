"""A world in virtual time: the real session code, a clock that jumps, a connection that keeps what it is given."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from perflab.standins.faults import LIVE_FAULTS, FaultPlan, parse_faults
from perflab.standins.latency import profile_named
from perflab.standins.live.session import Session
from perflab.standins.live.setup import Setup
from perflab.standins.live.voice import VoicePool
from perflab.standins.live.world import Options, World
from perflab.wire.rowlog import OUTCOMES, ROW_FIELDS, RowLog

VOICES = VoicePool()
FRAME_NS = 20_000_000


class Timer:
    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class VirtualClock:
    def __init__(self) -> None:
        self.now = 1_000_000_000
        self._order = itertools.count()
        self._timers: list[tuple[int, int, Timer]] = []

    def now_ns(self) -> int:
        return self.now

    def call_at(self, at_ns: int, action: Callable[[], None]) -> Timer:
        timer = Timer(action)
        heapq.heappush(self._timers, (at_ns, next(self._order), timer))
        return timer

    def advance(self, ns: int) -> None:
        """Let `ns` pass and everything that falls due in it happen, each at its time."""
        end = self.now + ns
        while self._timers and self._timers[0][0] <= end:
            at, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, at)
            if timer.action is not None:
                timer.action()
        self.now = end


class RecordingLink:
    def __init__(self) -> None:
        self.paused = False
        self.raw: list[bytes] = []
        self.closed = 0
        self.session: Session | None = None

    def send(self, message: bytes) -> None:
        self.raw.append(message)

    def close(self, code: int, reason: str) -> None:
        self.closed = code
        if self.session is not None:
            self.session.detach(self)

    def go_away(self, left_s: float) -> None:
        self.send(orjson.dumps({"goAway": {"timeLeft": f"{left_s:g}s"}}))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [orjson.loads(message) for message in self.raw]

    def audio(self) -> bytes:
        import base64

        parts = [
            part["inlineData"]["data"]
            for message in self.messages
            for part in message.get("serverContent", {}).get("modelTurn", {}).get("parts", [])
            if "inlineData" in part
        ]
        return b"".join(base64.b64decode(part) for part in parts)

    def kinds(self) -> list[str]:
        """The messages in order, audio runs collapsed: what a protocol reader sees."""
        names = []
        for message in self.messages:
            for key, body in message.items():
                if key == "serverContent":
                    names += [name for name in body if not names or names[-1] != name]
                elif key != "usageMetadata":
                    names.append(key)
        return names


def virtual_world(tmp_path: Path, latency: str = "const-300", faults: str = "", **options: Any) -> World:
    chosen = Options(profile_named(latency), **{"seed": 7, "tool_every": 0, **options})
    plan = FaultPlan(parse_faults(faults, LIVE_FAULTS), chosen.seed)
    world = World(chosen, VirtualClock(), RowLog(tmp_path / "live.rows"), plan, voices=VOICES)
    world.ready_ns = world.clock.now_ns()
    return world


def connected(world: World, number: int = 1, **setup: Any) -> tuple[Session, RecordingLink]:
    session = Session(number, Setup(number, **setup), world)
    return session, attached(session)


def attached(session: Session) -> RecordingLink:
    link = RecordingLink()
    link.session = session
    session.attach(link)
    session.offer_handle()
    session.go_on()
    return link


def talk(session: Session, pcm: bytes, chunk: int = 640) -> None:
    """Send PCM in real (virtual) time, `chunk` bytes a message."""
    clock = session.world.clock
    assert isinstance(clock, VirtualClock)
    for start in range(0, len(pcm), chunk):
        piece = pcm[start : start + chunk]
        session.audio(piece, clock.now_ns())
        clock.advance(FRAME_NS * len(piece) // 640)


def wait(world: World, seconds: float) -> None:
    assert isinstance(world.clock, VirtualClock)
    world.clock.advance(int(seconds * 1e9))


def read_rows(path: Path) -> np.ndarray:
    return np.fromfile(path, dtype=np.dtype(list(ROW_FIELDS)))


def rows_of(world: World) -> np.ndarray:
    world.log.flush()
    return read_rows(world.log.path)


def outcome(row: Any) -> str:
    return OUTCOMES[row["outcome"]]
