"""What a killed gateway had acknowledged and not stored: its process gets SIGKILL while clients write.

Two ways to write, for a setting shows its loss only where it acknowledges early. A session that the API creates gets
its id from the store, which hands no id out before the commit (`Store.insert`): `store=write_behind` loses none of
these, and counting them would flatter it. What it acknowledges early are sessions and turns of the voice socket.
`cache_write=behind` makes ids of its own, so that its loss shows in the sessions that the API creates.
`perflab bench state --only lost` counts the same for a bare writer process, at a faster pace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.errors import SystemFailure
from perflab.experiments.strategies.caching.acknowledged import Written, create_sessions, hold_calls, is_there
from perflab.experiments.strategies.caching.second_worker import second_worker, started_as
from perflab.experiments.strategies.loop_thread import LoopThread
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.system.launch import RunningSystem, launch

if TYPE_CHECKING:
    import aiohttp

KILLS_QUICK, KILLS_FULL = 2, 6
MOMENT_S = 0.25  # longer than any of these settings waits: the kill meets it at a moment that no write has chosen


@dataclass(frozen=True)
class Way:
    """How `clients` write at once, under which settings over `base`, and how many writes are heard before the kill."""

    base: str
    settings: tuple[str, ...]
    durable: tuple[str, ...]
    clients: int
    enough: int
    write: Callable[[aiohttp.ClientSession, RunningSystem, int], AsyncGenerator[Written, None]]
    conditions: Mapping[str, str] = field(default_factory=dict)


CACHE = Way(
    "baseline+cache=l1",
    ("cache_write=aside", "cache_write=through", "cache_write=behind"),
    ("cache_write=aside", "cache_write=through"),
    8, 150, create_sessions,
)  # fmt: skip
STORE = Way(
    "baseline",
    ("store=wal_batched", "store=write_behind"),
    ("store=wal_batched",),
    48, 160, hold_calls, {"latency": "const-300"},
)  # fmt: skip
WAYS = (CACHE, STORE)


@dataclass(frozen=True)
class Lost:
    """One kill: how many writes were acknowledged, how many of them are missing, and how old the oldest of these was.

    `rate` in writes per second, `oldest_ms` from its acknowledgement to the kill: the time that was lost.
    """

    setting: str
    acknowledged: int
    missing: int
    oldest_ms: float
    rate: float


def kills(study: Study) -> tuple[Lost, ...]:
    """Kill a fresh system in the middle of its writes, a few times for each setting."""
    count = KILLS_QUICK if study.quick else KILLS_FULL
    asked = [(way, setting, number) for number in range(count) for way in WAYS for setting in way.settings]
    found: list[Lost] = []
    for way, setting, number in asked:
        study.progress("writes of a killed gateway", len(found), len(asked), setting)
        found.append(killed(study, way, setting, number))
    return tuple(found)


def of_way(seen: Sequence[Lost], way: Way) -> tuple[Lost, ...]:
    """Return the kills under the settings of one way."""
    return tuple(one for one in seen if one.setting in way.settings)


def killed(study: Study, way: Way, setting: str, number: int) -> Lost:
    """Let clients write, kill the gateway, start it anew on the same data, and ask it for every acknowledged write."""
    folder = study.run.folder("trials") / f"lost-{number}-{setting.replace('=', '-')}"
    variant = study.variant(f"{way.base}+{setting}")
    conditions = study.system.conditions(**way.conditions)
    wait_s = float(np.random.default_rng((study.seed, number)).uniform(0, MOMENT_S))
    with (
        launch(study.system, variant, folder, conditions=conditions, seed=study.seed, cores=study.cores) as running,
        LoopThread() as loop,
    ):
        was = started_as(running)
        told, killed_at = loop.run(_write_until_killed(way, running, wait_s))
        running.processes["gateway"].popen.wait()
        with second_worker(running, was=was) as anew:
            stored = loop.run(_stored(anew["api"], told))
    return counted(setting, told, stored, killed_at)


def counted(setting: str, told: Mapping[Written, float], stored: set[Written], killed_at: float) -> Lost:
    """Count what was acknowledged and is not stored; `told` has the second of each acknowledgement."""
    missing = [at for key, at in told.items() if key not in stored]
    first, last = min(told.values()), max(told.values())
    oldest = 1000 * max(killed_at - min(missing), 0.0) if missing else 0.0
    return Lost(setting, len(told), len(missing), oldest, len(told) / max(last - first, 1e-9))


async def _write_until_killed(way: Way, running: RunningSystem, wait_s: float) -> tuple[dict[Written, float], float]:
    """Return the acknowledgements that clients heard until their gateway died, and when it was killed."""
    import aiohttp

    told: dict[Written, float] = {}
    killed_at: list[float] = []

    def kill() -> None:
        killed_at.append(time.perf_counter())
        running.processes["gateway"].kill()

    async def write(session: aiohttp.ClientSession, number: int) -> None:
        try:
            async with aclosing(way.write(session, running, number)) as acknowledged:
                async for key in acknowledged:
                    told[key] = time.perf_counter()
                    if len(told) == way.enough:
                        asyncio.get_running_loop().call_later(wait_s, kill)
        except (aiohttp.ClientError, OSError):
            return  # it is dead: what it was doing for this client was not acknowledged

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        await asyncio.gather(*(write(session, number) for number in range(way.clients)))
    if not killed_at:
        running.check_alive()
        raise SystemFailure(
            f"Only {len(told)} writes were acknowledged before all clients were cut off", f"{way.enough} are asked for",
            f"The gateway's last lines: {running.processes['gateway'].log_tail()}",
        )  # fmt: skip
    return told, killed_at[0]


async def _stored(api: str, told: Mapping[Written, float]) -> set[Written]:
    """Return which of the acknowledged writes a gateway has."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=8)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as client:
        there = await asyncio.gather(*(is_there(client, api, key) for key in told))
    return {key for key, found in zip(told, there, strict=True) if found}


def lost_rows(seen: Sequence[Lost]) -> list[dict[str, Any]]:
    """Return one row for each setting, over all its kills."""
    rows = []
    for setting in dict.fromkeys(one.setting for one in seen):
        mine = [one for one in seen if one.setting == setting]
        rows.append({
            "setting": setting, "kills": len(mine), "acknowledged": sum(one.acknowledged for one in mine),
            "lost": sum(one.missing for one in mine), "fewest in one kill": min(one.missing for one in mine),
            "most in one kill": max(one.missing for one in mine),
            "oldest lost (ms)": round(max(one.oldest_ms for one in mine), 1),
            "writes/s before": round(sum(one.rate for one in mine) / len(mine), 1),
        })  # fmt: skip
    return rows


def lost_check(seen: Sequence[Lost]) -> TrustCheck:
    """Return the check that what is stored before it is acknowledged is never lost."""
    durable = [one for one in seen if any(one.setting in way.durable for way in WAYS)]
    lost, heard = sum(one.missing for one in durable), sum(one.acknowledged for one in durable)
    return TrustCheck(
        name="acknowledged writes outside write-behind", passed=lost == 0, limit="none lost",
        observed=f"{lost} of {heard} lost", next_step="" if lost == 0 else "Find who acknowledges before the commit",
    )  # fmt: skip


def lost_sentence(seen: Sequence[Lost]) -> str:
    """Say what the kills have cost, what acknowledges early first."""
    rows = sorted(lost_rows(seen), key=lambda row: any(row["setting"] in way.durable for way in WAYS))
    parts = [f"{row['lost']} of {row['acknowledged']} under {row['setting']}{_most(row)}" for row in rows]
    return f"A gateway killed in the middle of its writes lost of what it had acknowledged: {', '.join(parts)}."


def _most(row: Mapping[str, Any]) -> str:
    if not row["lost"]:
        return ""
    return (
        f" ({row['kills']} kills at {row['writes/s before']:g} writes/s, {row['fewest in one kill']} to "
        f"{row['most in one kill']} at once, the oldest acknowledged {row['oldest lost (ms)']:g} ms before the kill)"
    )
