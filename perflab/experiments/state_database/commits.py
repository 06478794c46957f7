"""Asynchronous commit: acknowledged before the log is on disk, and what a crash of the server then takes along."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, timed_async
from perflab.experiments.state_database.laboratory import Laboratory
from perflab.experiments.state_database.place import aside
from perflab.system.servers.server import embedded

WRITES, WRITERS, BEFORE_THE_CRASH_S = 60, 4, 0.7
INSERT = "INSERT INTO written (session, text) VALUES ($1, $2)"


def asynchronous(lab: Laboratory) -> Contest:
    """Commit single rows with synchronous_commit on and off."""
    lab.execute("DROP TABLE IF EXISTS written", "CREATE TABLE written (id BIGSERIAL, session BIGINT, text TEXT)")

    def way(mode: str) -> Callable[[np.random.Generator], Done]:
        connection = lab.connect(server_settings={"synchronous_commit": mode})

        def work(rng: np.random.Generator) -> Done:
            sessions = rng.integers(4000, size=WRITES).tolist()
            return lab.run(
                timed_async(sessions, lambda s: connection.execute(INSERT, s, f"what session {s} said"))
            ).written

        return work

    return Contest(
        key="async-commit", strategy="ST-STATE-11", title="asynchronous commit", pids=lab.postgres,
        condition="a row in each transaction, one writer", ways={"synchronous_commit=on": way("on"),
                                                                 "synchronous_commit=off": way("off")},
        gives_up={"synchronous_commit=off": "acknowledged writes of the last moments, in a crash of the server"},
        price="a crash of the server loses what was acknowledged in the last moments (counted beside this)",
        turns="writes that must not be lost; disks that sync in microseconds",
    )  # fmt: skip


@dataclass(frozen=True)
class Lost:
    """What a crash took along: acknowledged writes, those missing afterwards, and how old the oldest of them was."""

    mode: str
    acknowledged: int
    missing: int
    window_ms: float

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {"synchronous_commit": self.mode, "acknowledged before SIGKILL": self.acknowledged,
                "missing afterwards": self.missing, "oldest of them (ms before)": round(self.window_ms, 1)}  # fmt: skip


def crashes(log: Path) -> tuple[Lost, ...]:
    """Kill a server of its own with SIGKILL while writers are at work, in each mode, and count what is missing.

    The machine lives on: what the server had written to the system's cache survives. A power cut takes more.
    """
    return tuple(_crash(mode, log) for mode in ("on", "off"))


def _crash(mode: str, log: Path) -> Lost:
    with embedded("postgres", log, settings={"synchronous_commit": mode}) as server:
        acknowledged, killed = aside(_write_until_killed(server.url, server.kill))
        server.restart()
        kept = aside(_kept(server.url))
    missing = {number: at for number, at in acknowledged.items() if number not in kept}
    window = max((killed - at for at in missing.values()), default=0.0)
    return Lost(mode, len(acknowledged), len(missing), 1000 * window)


async def _write_until_killed(url: str, kill: Callable[[], None]) -> tuple[dict[int, float], float]:
    import asyncpg

    loop, acknowledged, numbers = asyncio.get_running_loop(), dict[int, float](), itertools.count()
    first = await asyncpg.connect(url)
    await first.execute("CREATE TABLE said (n BIGINT)")
    await first.execute("CHECKPOINT")

    async def writer(connection: asyncpg.Connection) -> None:
        try:
            for number in numbers:
                await connection.execute("INSERT INTO said VALUES ($1)", number)
                acknowledged[number] = loop.time()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            connection.terminate()  # the server is gone: this write was not acknowledged

    connections = [await asyncpg.connect(url) for _ in range(WRITERS)]  # all are at work from the beginning
    writers = [asyncio.create_task(writer(connection)) for connection in connections]
    await asyncio.sleep(BEFORE_THE_CRASH_S)
    killed = loop.time()
    kill()
    await asyncio.gather(*writers)
    first.terminate()
    return acknowledged, killed


async def _kept(url: str) -> set[int]:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch("SELECT n FROM said")}
    finally:
        await connection.close()


def crash_sentence(seen: tuple[Lost, ...]) -> str:
    """Say how many acknowledged writes each mode lost."""
    parts = []
    for one in seen:
        age = f", the oldest acknowledged {one.window_ms:.0f} ms before" if one.missing else ""
        parts.append(f"{one.mode}: {one.missing} of {one.acknowledged:,} acknowledged writes missing{age}")
    return f"After SIGKILL of the server, synchronous_commit {'; '.join(parts)}. One crash each: no interval."
