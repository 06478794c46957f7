"""Small chores beside the audio path: levels, notes, the ledger, and the pace at which replies start.

All are off unless the environment variable PERFLAB_PLANT asks for them, and then on loopback only: with them the
instruments that study this gateway are themselves put to the test. Doses, with commas between:
``hot`` per cent of CPU, ``leak`` KB/s, ``slow_query`` ms per page of history, ``late`` ms, ``lock`` ms per 50 frames;
``blend`` per cent of CPU with much memory, ``words`` KB/s in small objects, ``gain`` per cent of CPU inside one native
operator, ``rest`` per cent of the wall asleep on the event loop, 3 ms at a time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

from perflab.errors import UsageError
from perflab.gateway.flags.server import ClientLink
from perflab.gateway.session.turn import Turn
from perflab.gateway.upkeep import Blends, Gains, Rests, Words
from perflab.wire.frame import Flag, FrameType

DOSES = {  # name: highest dose
    "hot": 90.0,
    "leak": 100_000.0,
    "slow_query": 2_000.0,
    "late": 5_000.0,
    "lock": 500.0,
    "blend": 90.0,
    "words": 20_000.0,
    "gain": 90.0,
    "rest": 90.0,
}
FRAMES_PER_LOOK = 8
FRAMES_PER_ENTRY = 50
LONGEST_S = 0.005
NOTES_LIMIT = 1 << 30
Chore = Callable[[bytes], None]


def parse_doses(text: str) -> dict[str, float]:
    """Return the doses in ``hot=10,late=40``; raises UsageError for what is not understood."""
    doses = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = part.partition("=")
        try:
            doses[name] = float(value)
        except ValueError:
            raise UsageError(f"PERFLAB_PLANT: {part}", "must be name=number") from None
        if name not in DOSES or not 0 < doses[name] <= DOSES[name]:
            known = ", ".join(f"{key} up to {top:g}" for key, top in DOSES.items())
            raise UsageError(f"PERFLAB_PLANT: {part}", f"must be one of {known}")
    return doses


def frame_chores(doses: dict[str, float]) -> list[Chore]:
    """Return what is done for every frame of audio."""
    made: dict[str, Callable[[float], Chore]] = {
        "hot": lambda dose: Levels(dose / 100).refresh_levels,
        "leak": lambda dose: Notes(dose * 1000).note_turn,
        "lock": lambda dose: Ledger(dose / 1000).settle_ledger,
        "blend": lambda dose: Blends(dose / 100).blend_pages,
        "words": lambda dose: Words(dose * 1000).index_words,
        "gain": lambda dose: Gains(dose / 100).shape_gain,
        "rest": lambda dose: Rests(dose / 100).settle_frame,
    }
    return [make(doses[name]) for name, make in made.items() if name in doses]


class Levels:
    """Peak levels in plain Python, worked on for a fixed share of the process's CPU time."""

    def __init__(self, share: float) -> None:
        self._share, self._own_s, self._frames, self._start_s = share, 0.0, 0, -1.0
        self.peak = 0

    def refresh_levels(self, pcm: bytes) -> None:
        """Work until this function's share of the CPU since the first frame is the share asked for."""
        self._frames += 1
        if self._frames % FRAMES_PER_LOOK:
            return
        entered = time.thread_time()
        if self._start_s < 0:
            self._start_s = time.process_time()
        owed = (self._share * (time.process_time() - self._start_s) - self._own_s) / (1 - self._share)
        leave = entered + min(owed, LONGEST_S)
        while time.thread_time() < leave:
            peak = 0
            for low, high in zip(pcm[0::2], pcm[1::2], strict=True):
                sample = low | (high << 8)
                if sample >= 0x8000:
                    sample = 0x10000 - sample
                if sample > peak:
                    peak = sample
            self.peak = peak
        self._own_s += time.thread_time() - entered


class Notes:
    """Keeps notes of what was said, at so many bytes per second."""

    def __init__(self, bytes_per_s: float) -> None:
        self._rate, self._start_s, self._kept = bytes_per_s, time.monotonic(), 0
        self._least = int(min(16_384, max(1_024, bytes_per_s / 50)))  # 20 ms of notes: a window's edge is below 1 %
        self._notes: list[bytes] = []

    def note_turn(self, pcm: bytes) -> None:
        """Take the notes that are due."""
        due = int(min(self._rate * (time.monotonic() - self._start_s), NOTES_LIMIT)) - self._kept
        if due >= self._least:
            self._notes.append(b"\x01" * due)
            self._kept += due


class Ledger:
    """Settles accounts once in so many frames, and lets nobody else at them meanwhile."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s, self._frames, self._lock = hold_s, 0, threading.Lock()

    def settle_ledger(self, pcm: bytes) -> None:
        """Count a frame; settle when it is time."""
        self._frames += 1
        if self._frames % FRAMES_PER_ENTRY == 0:
            with self._lock:
                time.sleep(self._hold_s)


class PacedLink:
    """A client link on which each reply's first audio waits a moment."""

    def __init__(self, link: ClientLink, wait_s: float) -> None:
        self._link, self._wait_s = link, wait_s
        self._held: list[tuple[Turn, FrameType, bytes, Flag]] | None = None
        self._paced: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self.control, self.close = link.control, link.close

    def reply(self, turn: Turn, kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> None:
        """Send a frame, or hold it while its turn's first audio waits."""
        if self._held is None and kind is FrameType.AUDIO and self._paced is not turn:
            self._paced, self._held = turn, []
            self._task = asyncio.create_task(self.pace_reply())
        if self._held is None:
            self._link.reply(turn, kind, payload, flags)
        else:
            self._held.append((turn, kind, payload, flags))

    async def pace_reply(self) -> None:
        """Wait, then send what has gathered."""
        await asyncio.sleep(self._wait_s)
        held, self._held = self._held or [], None
        for frame in held:
            self._link.reply(*frame)

    def drop(self, turn: Turn) -> None:
        """Forget what is held."""
        if self._task is not None:
            self._task.cancel()
        self._held = None
        self._link.drop(turn)


def history_query(sql: str, extra_s: float) -> str:
    """Return a history query that counts to a large number on the way, `extra_s` seconds' worth on this machine."""
    count = int(_counts_per_s() * extra_s)
    numbers = f"SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}"
    counted = f"(WITH RECURSIVE n(i) AS ({numbers}) SELECT max(i) AS top FROM n)"
    return sql.replace("WHERE", "WHERE top > 0 AND").replace("FROM history", f"FROM {counted}, history")


def _counts_per_s() -> float:
    count, best = 200_000, float("inf")
    query: tuple[str, tuple[Any, ...]] = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT max(i) FROM n", (count,),
    )  # fmt: skip
    connection = sqlite3.connect(":memory:")
    for _ in range(3):
        start = time.perf_counter()
        connection.execute(*query).fetchall()
        best = min(best, time.perf_counter() - start)
    connection.close()
    return count / best
