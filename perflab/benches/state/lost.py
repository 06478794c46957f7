"""What a killed writer process (SIGKILL) loses of what it had acknowledged: nothing, or write-behind's last moment.

The writer is a loop around a store of the gateway (`acknowledging`): what a store promises is looked at by itself, at
the same pace for all. A whole gateway is killed by the experiment on caching (22_caching).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.state.settings import SERVER_SETTINGS, VARIABLES
from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StoreSettings
from perflab.system.servers.server import embedded

ORDER = 40
DURABLE = {"wal_batched": "SQLite", "postgres": "PostgreSQL", "redis": "Redis"}
KILLS, ACKNOWLEDGED, WRITERS = 5, 400, 8
MOMENT_MS = 500.0  # write-behind waits 100 ms for company, then commits; five times that is the bound
LAST_ID, PAGE = 1 << 62, 500


@dataclass(frozen=True)
class Loss:
    """One kill: acknowledgements that were heard, writes that are missing, and the age of the oldest of these."""

    acknowledged: int
    missing: int
    oldest_ms: float
    tail_only: bool  # the missing are the last ones acknowledged, none before them


def bars(say: Say) -> list[Bar]:
    """Kill each store's process in the middle of its writes and count."""
    found = []
    with tempfile.TemporaryDirectory(prefix="perflab-lost-") as folder:
        for store, name in DURABLE.items():
            losses = [kill_while_writing(store, Path(folder) / f"{store}-{i}") for i in range(KILLS)]
            lost, acknowledged = sum(loss.missing for loss in losses), sum(loss.acknowledged for loss in losses)
            title = f"{name}: acknowledged writes lost by a killed writer process"
            found.append(of_kills(Bar(f"lost-{store}", title, float(lost), "==", 0, "writes", acknowledged), losses))
        behind = [kill_while_writing("write_behind", Path(folder) / f"behind-{i}") for i in range(KILLS)]
    say(f"  write-behind lost {[one.missing for one in behind]} of {[one.acknowledged for one in behind]} acknowledged")
    return [*found, of_moment(behind)]


def of_moment(losses: list[Loss]) -> Bar:
    """Return the bar of write-behind's last moment; without value where the kills do not show one.

    Kills that lost nothing measured no age: the writer may not have been behind at all. Where a write is missing and a
    later one was stored, what is lost is not a last moment, however young it is.
    """
    missing = [loss.missing for loss in losses]
    detail = {"missing": missing, "acknowledged": [loss.acknowledged for loss in losses], "median": median(missing)}
    title = "write-behind: age of the oldest acknowledged write lost by a killed writer process"
    oldest = max(loss.oldest_ms for loss in losses)
    bar = of_kills(Bar("lost-behind", title, oldest, "<", MOMENT_MS, "ms", len(losses), detail=detail), losses)
    if bar.value is None:
        return bar
    if not any(missing):
        return _without_value(bar, f"none of {len(losses)} kills lost a write: there is no age of a lost one")
    if strayed := sum(not loss.tail_only for loss in losses):
        return _without_value(bar, f"in {strayed} of {len(losses)} kills a write is missing and a later one was stored")
    return bar


def of_kills(bar: Bar, losses: list[Loss]) -> Bar:
    """Return the bar of some kills; without value where a writer ended by itself before it had said enough."""
    fewest = min(loss.acknowledged for loss in losses)
    if fewest >= ACKNOWLEDGED:
        return bar
    return _without_value(bar, f"a writer ended after {fewest} acknowledgements, {ACKNOWLEDGED} were asked for")


def _without_value(bar: Bar, reason: str) -> Bar:
    return replace(bar, value=None, detail=bar.detail | {"reason": reason})


def kill_while_writing(store: str, folder: Path) -> Loss:
    """Let a fresh process write until enough was acknowledged, kill it, and look for every acknowledged write.

    A server lives on: it is the writer process that dies. The writes are read back by another process's connection.
    """
    folder.mkdir()
    path = folder / "state.sqlite"
    if store not in SERVER_SETTINGS:
        return _counted(store, path, *_killed(store, path, {}), "")
    with embedded(store, folder / "server.log", settings=SERVER_SETTINGS[store]) as server:
        return _counted(store, path, *_killed(store, path, {VARIABLES[store]: server.url}), server.url)


def _killed(store: str, path: Path, environment: dict[str, str]) -> tuple[dict[int, int], int]:
    """Return number to time (ms) of every acknowledgement, and of the last of them."""
    command = [sys.executable, "-m", "perflab.benches.state.acknowledging", store, str(path), str(WRITERS)]
    heard: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        assert process.stdout is not None
        for line in process.stdout:
            heard.append(line)
            if len(heard) == ACKNOWLEDGED:
                process.kill()  # what it said meanwhile is still in the pipe, and is read to the end
    told = {int(number): int(when) for number, when in (line.split() for line in heard)}
    return told, max(told.values(), default=0)


def _counted(store: str, path: Path, told: dict[int, int], last: int, url: str) -> Loss:
    kept = asyncio.run(_kept(store if url else "connect", path, url))
    missing = sorted(told.keys() - kept, key=lambda number: told[number])
    oldest = float(last - told[missing[0]]) if missing else 0.0
    survivors = [told[number] for number in told.keys() & kept]
    tail = not missing or not survivors or told[missing[0]] >= max(survivors)
    return Loss(len(told), len(missing), oldest, tail)


async def _kept(store: str, path: Path, url: str) -> set[int]:
    state = implementation("store", store).build(
        StoreSettings(path, postgres_url=url, redis_url=url), lambda sql: sql
    )  # fmt: skip
    kept: set[int] = set()
    last = LAST_ID
    while page := await state.history(1, last, PAGE):
        kept |= {int(row.text) for row in page if row.role == "user"}
        last = page[-1].id
    await state.close()
    return kept
