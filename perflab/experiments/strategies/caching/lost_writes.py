"""What a killed gateway had acknowledged and not stored: its process gets SIGKILL while clients create sessions.

`store=write_behind` is not among the settings. A session that the API creates gets its id from that store, which hands
no id out before the commit (`Store.insert`): a kill loses none of these writes, and counting them would flatter it.
What it acknowledges early are turns, which end on the voice socket; `perflab bench state --only lost` counts these in a
killed writer process. `cache_write=behind` makes ids of its own, so that here its loss shows.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perflab.experiments.strategies.loop_thread import LoopThread
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck
from perflab.system.launch import RunningSystem, launch

SETTINGS = ("cache_write=aside", "cache_write=through", "cache_write=behind")
DURABLE = SETTINGS[:2]
WRITERS, ACKNOWLEDGED = 8, 150
KILLS_QUICK, KILLS_FULL = 2, 6


@dataclass(frozen=True)
class Lost:
    """One kill: how many writes were acknowledged, how many of them are missing, and how old the oldest of these was.

    `rate` in writes per second, `oldest_ms` before the last acknowledgement.
    """

    setting: str
    acknowledged: int
    missing: int
    oldest_ms: float
    rate: float


def kills(study: Study) -> tuple[Lost, ...]:
    """Kill a fresh system in the middle of its writes, a few times for each setting."""
    count = KILLS_QUICK if study.quick else KILLS_FULL
    found: list[Lost] = []
    for number in range(count):
        for setting in SETTINGS:
            study.progress("writes of a killed gateway", len(found), count * len(SETTINGS), setting)
            found.append(_killed(study, setting, number))
    return tuple(found)


def _killed(study: Study, setting: str, number: int) -> Lost:
    folder = study.run.folder("trials") / f"lost-{number}-{setting.replace('=', '-')}"
    variant = study.variant(f"baseline+cache=l1+{setting}")
    with launch(study.system, variant, folder, seed=study.seed, cores=study.cores) as running, LoopThread() as loop:
        told = loop.run(_write_until_killed(running))
        file = running.trial_dir / "gateway.sqlite"
    return counted(setting, told, file)


def counted(setting: str, told: dict[int, float], file: Path) -> Lost:
    """Look in the file for every acknowledged session; `told` has the second of each acknowledgement by its id."""
    with closing(sqlite3.connect(file, timeout=10)) as connection:
        stored = {int(row[0]) for row in connection.execute("SELECT id FROM sessions")}
    missing = [at for key, at in told.items() if key not in stored]
    first, last = min(told.values()), max(told.values())
    oldest = 1000 * (last - min(missing)) if missing else 0.0
    return Lost(setting, len(told), len(missing), oldest, len(told) / max(last - first, 1e-9))


async def _write_until_killed(running: RunningSystem) -> dict[int, float]:
    """Return the acknowledgements that clients heard, by id, until their gateway died."""
    import aiohttp

    told: dict[int, float] = {}
    url = f"{running.endpoints['api']}/api/sessions"

    async def write(client: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with client.post(url, json={"user": "Ada"}) as answer:
                    key = int((await answer.json())["id"])
            except (aiohttp.ClientError, OSError):
                return  # it is dead: what it was doing for this client was not acknowledged
            told[key] = time.perf_counter()
            if len(told) == ACKNOWLEDGED:
                running.processes["gateway"].kill()

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
        await asyncio.gather(*(write(client) for _ in range(WRITERS)))
    return told


def lost_rows(seen: tuple[Lost, ...]) -> list[dict[str, Any]]:
    """Return one row for each setting, over all its kills."""
    rows = []
    for setting in SETTINGS:
        mine = [one for one in seen if one.setting == setting]
        rows.append({
            "setting": setting, "kills": len(mine), "acknowledged": sum(one.acknowledged for one in mine),
            "lost": sum(one.missing for one in mine), "most in one kill": max(one.missing for one in mine),
            "oldest lost (ms)": round(max(one.oldest_ms for one in mine), 1),
            "writes/s before": round(sum(one.rate for one in mine) / len(mine), 1),
        })  # fmt: skip
    return rows


def lost_check(seen: tuple[Lost, ...]) -> TrustCheck:
    """Return the check that what is stored before it is acknowledged is never lost."""
    lost = sum(one.missing for one in seen if one.setting in DURABLE)
    heard = sum(one.acknowledged for one in seen if one.setting in DURABLE)
    return TrustCheck(
        name="acknowledged writes outside write-behind", passed=lost == 0, limit="none lost",
        observed=f"{lost} of {heard} lost", next_step="" if lost == 0 else "Find who acknowledges before the commit",
    )  # fmt: skip


def lost_sentence(seen: tuple[Lost, ...]) -> str:
    """Say what the kills have cost."""
    aside, through, behind = lost_rows(seen)
    return (
        f"A gateway killed in the middle of its writes lost {behind['lost']} of {behind['acknowledged']} acknowledged "
        f"writes behind ({behind['kills']} kills, at most {behind['most in one kill']} at once, the oldest "
        f"{behind['oldest lost (ms)']:g} ms old), {aside['lost']} of {aside['acknowledged']} aside and "
        f"{through['lost']} of {through['acknowledged']} through."
    )
