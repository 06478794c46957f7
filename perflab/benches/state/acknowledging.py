"""The process that is killed: records turns one after another and says on its output when each was acknowledged.

``python -m perflab.benches.state.acknowledging STORE PATH WRITERS``; a line is ``number milliseconds``, the time of
the monotonic clock at the acknowledgement.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from pathlib import Path

from perflab.gateway.flags import implementation
from perflab.gateway.flags.store import StoreSettings
from perflab.gateway.session.turn import Turn
from perflab.gateway.settings import POSTGRES_URL, REDIS_URL
from perflab.gateway.state.interface import State

PACE_S = 0.002  # of each writer: live sessions do not write as fast as a loop can


async def _main(store: str, path: Path, writers: int) -> None:
    settings = StoreSettings(
        path, postgres_url=os.environ.get(POSTGRES_URL, ""), redis_url=os.environ.get(REDIS_URL, "")
    )
    state: State = implementation("store", store).build(settings, lambda sql: sql)
    state.open()
    numbers = itertools.count(1)

    async def write() -> None:
        for number in numbers:
            await state.record_turn(1, Turn(number, heard=[str(number)], said=[], outcome="ok"))
            # One system call: what the line says was acknowledged before the process could be killed.
            os.write(1, f"{number} {time.monotonic_ns() // 1_000_000}\n".encode())
            await asyncio.sleep(PACE_S)

    await asyncio.gather(*(write() for _ in range(writers)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
