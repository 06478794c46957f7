"""What clients write to a gateway until it dies, what counts as an acknowledgement, and whether a write is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np

from perflab.experiments.strategies.payloads.voice_turns import Caller, speech
from perflab.system.launch import RunningSystem

if TYPE_CHECKING:
    import aiohttp

Written = tuple[Literal["session", "turn"], int]  # what was written, and of which session
WORDS = 10  # frames of speech, 20 ms each: a turn is stored at its end, however short it was
CALLS = 1000  # of one client at most
APART_S = 0.03  # between the first calls of two clients: turns that ended together would be lost together


async def create_sessions(
    client: aiohttp.ClientSession, running: RunningSystem, number: int
) -> AsyncGenerator[Written, None]:
    """Create one session after another over the API; each answer with an id is an acknowledgement."""
    while True:
        async with client.post(f"{running.endpoints['api']}/api/sessions", json={"user": "Ada"}) as answer:
            key = int((await answer.json())["id"])
        yield "session", key


async def hold_calls(
    client: aiohttp.ClientSession, running: RunningSystem, number: int
) -> AsyncGenerator[Written, None]:
    """Hold one call of a turn after another: that a session is ready, and the last frame of its turn, acknowledge."""
    spoken = speech(np.random.default_rng(number))[:WORDS]
    await asyncio.sleep(number * APART_S)
    for session in count(1 + CALLS * number):
        async with client.ws_connect(running.endpoints["voice"], max_msg_size=1 << 22) as socket:
            caller = Caller(socket, running.variant.flags["frames"])
            await caller.start(session)
            yield "session", session
            await caller.ask(spoken)
            yield "turn", session


async def is_there(client: aiohttp.ClientSession, api: str, written: Written) -> bool:
    """Ask a gateway for what was written."""
    what, session = written
    page = "/history?limit=1" if what == "turn" else ""
    async with client.get(f"{api}/api/sessions/{session}{page}") as answer:
        if answer.status == 404:
            return False
        answer.raise_for_status()
        return what == "session" or bool(await answer.json())
