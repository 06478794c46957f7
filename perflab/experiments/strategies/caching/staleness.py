"""How old another worker's answers are: one gateway writes, a second one over the same store is read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.strategies.caching.second_worker import second_worker
from perflab.experiments.strategies.loop_thread import LoopThread
from perflab.experiments.strategies.payloads.content import fill_file
from perflab.experiments.study import Study
from perflab.system.launch import launch

SETTINGS = (
    "cache=off",
    "cache=l2",
    "cache=l1_l2",
    "cache=l1_l2+invalidation=event",
    "cache=l1_l2+invalidation=ttl",
)
TTL_S, EVERY_S, LOOK_S = 1.0, 0.35, 0.01
LISTENING_S = 1.0  # announcements are listened to by then
SESSION = 3
WRITES_QUICK, WRITES_FULL = 12, 60


@dataclass(frozen=True)
class Window:
    """What the second worker's reader saw under one setting.

    `windows_ms` float64 [writes], from each acknowledgement to the first answer that shows the write, 0 where an
    answer showed it before; `looks` (second since the start, how far behind the answer was in ms), in order of time.
    """

    setting: str
    windows_ms: np.ndarray
    looks: tuple[tuple[float, float], ...]


def windows(study: Study) -> tuple[Window, ...]:
    """Measure every setting on two processes over one file, with the servers that the setting needs."""
    writes = WRITES_QUICK if study.quick else WRITES_FULL
    found: list[Window] = []
    for setting in SETTINGS:
        study.progress("staleness at another worker", len(found), len(SETTINGS), setting)
        found.append(_measured(study, setting, writes))
    return tuple(found)


def _measured(study: Study, setting: str, writes: int) -> Window:
    folder = study.run.folder("trials") / f"stale-{setting.replace('=', '-').replace('+', '-')}"
    variant = study.variant("baseline" if setting == "cache=off" else f"baseline+{setting}")
    with (
        launch(study.system, variant, folder, seed=study.seed, cores=study.cores) as running,
        second_worker(running) as other,
        LoopThread() as loop,
    ):
        fill_file(running.trial_dir / "gateway.sqlite")
        written, seen = loop.run(_write_and_read(running.endpoints["api"], other["api"], writes))
    return folded(setting, written, seen)


async def _write_and_read(one: str, other: str, writes: int) -> tuple[dict[int, float], list[tuple[float, int]]]:
    """Return when each write was acknowledged by its id, and what each look at the other worker showed as newest."""
    import aiohttp

    async with aiohttp.ClientSession() as client:

        async def write() -> int:
            async with client.post(f"{one}/api/sessions/{SESSION}/summary") as answer:
                answer.raise_for_status()
                return int((await answer.json())["id"])

        async def look() -> int:
            async with client.get(f"{other}/api/sessions/{SESSION}/code?limit=1") as answer:
                rows = await answer.json()
            return int(rows[0]["id"]) if rows else 0

        pauses = [LISTENING_S, *[EVERY_S] * (writes - 1)]
        return await write_and_look(write, look, pauses)


async def write_and_look(
    write: Callable[[], Awaitable[int]], look: Callable[[], Awaitable[int]], pauses: Sequence[float]
) -> tuple[dict[int, float], list[tuple[float, int]]]:
    """Write after each of `pauses` (s) and look on and on until the last write shows.

    `write` returns the id that it made, `look` the newest that it sees; ids rise. Returned are the second at which each
    write was done by id, and the second of each look's answer with what it showed.
    """
    written: dict[int, float] = {}
    seen: list[tuple[float, int]] = []

    async def look_on() -> None:
        while len(written) < len(pauses) or seen[-1][1] < max(written):
            shown = await look()
            seen.append((time.perf_counter(), shown))
            await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look_on())
    for pause in pauses:
        await asyncio.sleep(pause)
        key = await write()
        written[key] = time.perf_counter()
    await asyncio.wait_for(looking, 20)
    return written, seen


def folded(setting: str, written: dict[int, float], seen: list[tuple[float, int]]) -> Window:
    """Return how long each write stayed unseen, and how far behind each look was: the age of the oldest unseen write.

    `written` has the second of each acknowledgement by id (rising), `seen` the second and newest id of each look.
    """
    shown = [next(at for at, newest in seen if newest >= key) for key in written]
    late = [1000 * max(at - acknowledged, 0.0) for at, acknowledged in zip(shown, written.values(), strict=True)]
    start = min(written.values())
    looks = []
    for at, newest in seen:
        unseen = [when for key, when in written.items() if key > newest and when <= at]
        if at >= start:
            looks.append((at - start, 1000 * (at - min(unseen)) if unseen else 0.0))
    return Window(setting, np.array(late), tuple(looks))


def stale_rows(seen: tuple[Window, ...]) -> list[dict[str, Any]]:
    """Return one row for each setting."""
    return [
        {
            "setting": one.setting, "writes": one.windows_ms.size,
            "median window (ms)": round(float(np.median(one.windows_ms)), 1),
            "p95 window (ms)": round(float(np.quantile(one.windows_ms, 0.95)), 1),
            "longest window (ms)": round(float(one.windows_ms.max()), 1),
            "looks that were behind (%)": round(100 * float(np.mean([late > 0 for _, late in one.looks])), 1),
        }
        for one in seen
    ]  # fmt: skip


def timeline_rows(seen: tuple[Window, ...], until_s: float = 5.0) -> list[dict[str, Any]]:
    """Return every look of the first seconds, for the timeline."""
    return [
        {"setting": one.setting, "second": at, "behind_ms": late}
        for one in seen
        for at, late in one.looks
        if at <= until_s
    ]


def stale_sentence(seen: tuple[Window, ...]) -> str:
    """Say how long another worker shows what is no longer true."""
    parts = [f"{r['setting']} {r['longest window (ms)']:g} ms (median {r['median window (ms)']:g})" for r in
             stale_rows(seen)]  # fmt: skip
    return (
        f"After a write at one worker another one shows the old value for at most {', '.join(parts)}; a look every "
        f"{1000 * LOOK_S:g} ms, time to live {1000 * TTL_S:g} ms, {seen[0].windows_ms.size} writes each."
    )
