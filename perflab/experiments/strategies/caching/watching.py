"""Writes and looks at fixed times: every arm does the same work, however long its answers stay old."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from perflab.experiments.strategies.experiment import Target

WRITE_EVERY_S, LOOK_EVERY_S = 0.25, 0.02
AFTER_EVERY_S = 0.05  # between looks after the block, when no write is due any more
GIVE_UP_S = 5.0  # after the block: a write that nobody saw by then counts as seen at the last look


async def stale_ms(
    seconds: float, after_s: float, write: Callable[[], Awaitable[int]], look: Callable[[], Awaitable[int]]
) -> np.ndarray:
    """Return for each write how long after its acknowledgement no look showed it or a later one, ms, float64 [writes].

    `write` returns the version that it made, `look` the newest that it sees; versions rise. Both begin at times fixed
    from the start, waiting for nobody. Looks go on for `after_s` after the block in every arm, to be chosen so that
    the slowest arm shows the last write by then; only an arm that is slower still looks on, for 5 s at most.
    Looks are 20 ms apart (50 after the block), so that an arm that is never stale shows up to that much too.
    """
    begin = time.perf_counter()
    written: list[tuple[float, int]] = []
    seen: list[tuple[float, int]] = []

    async def one_write() -> None:
        version = await write()
        written.append((time.perf_counter(), version))

    async def one_look() -> None:
        version = await look()
        seen.append((time.perf_counter(), version))

    writes = asyncio.create_task(_at(begin, write_times(seconds), one_write))
    try:
        await _at(begin, look_times(seconds, after_s), one_look)
        await writes
        until = begin + seconds + GIVE_UP_S
        while max(v for _, v in seen) < max(v for _, v in written) and time.perf_counter() < until:
            await asyncio.sleep(AFTER_EVERY_S)
            await one_look()
    finally:
        writes.cancel()
    return unseen_ms(written, seen)


def write_times(seconds: float) -> np.ndarray:
    """Return when writes are due, s: four a second from half a pause on, one in the middle of a block too short."""
    times = np.arange(WRITE_EVERY_S / 2, seconds, WRITE_EVERY_S)
    return times if times.size else np.array([seconds / 2])


def look_times(seconds: float, after_s: float) -> np.ndarray:
    """Return when looks are due, s, during a block and after it."""
    after = np.arange(seconds, seconds + after_s, AFTER_EVERY_S)
    return np.concatenate([np.arange(0, seconds, LOOK_EVERY_S), after])


def unseen_ms(written: Sequence[tuple[float, int]], seen: Sequence[tuple[float, int]]) -> np.ndarray:
    """Return the time from each write (second acknowledged, version) to the first look that shows it, ms.

    `seen` (second answered, newest version). 0 where an answer showed it before it was acknowledged; the time to the
    last look where none shows it.
    """
    last = max(at for at, _ in seen)
    shown = [min((at for at, newest in seen if newest >= version), default=last) for _, version in written]
    return np.array([1000 * max(at - when, 0.0) for at, (when, _) in zip(shown, written, strict=True)])


async def newest(target: Target, session: str) -> int:
    """Return the id of the newest artefact that a session's list shows; 0 for none."""
    async with target.client.get(f"{session}/code", params={"limit": "1"}) as answer:
        answer.raise_for_status()
        rows = await answer.json()
    return int(rows[0]["id"]) if rows else 0


async def _at(begin: float, times: np.ndarray, act: Callable[[], Awaitable[None]]) -> None:
    begun: list[asyncio.Future[None]] = []
    try:
        for at in times:
            await asyncio.sleep(max(begin + float(at) - time.perf_counter(), 0))
            begun.append(asyncio.ensure_future(act()))
        await asyncio.gather(*begun)
    finally:
        for one in begun:
            one.cancel()
