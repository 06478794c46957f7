"""Clients that wait for what is new in a session, in the way that a system's `events` flag offers."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from perflab.experiments.strategies.experiment import Target

POLL_S = 0.5
WAIT_S = 25  # of a long poll


@dataclass
class Board:
    """What the listeners of a system have seen: by artefact how many of them, and the bytes that it took."""

    each: int  # listeners of a session
    seen: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    doubled: int = 0
    received: int = 0  # bytes of bodies, frames and event lines, headers left out
    listening: asyncio.Event = field(default_factory=asyncio.Event)  # cleared: polling pauses, as others are measured
    _told: dict[int, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def saw(self, artefact: int, mine: set[int]) -> None:
        """One listener, whose own artefacts so far are `mine`, has seen an artefact."""
        self.doubled += artefact in mine
        mine.add(artefact)
        self.seen[artefact] += 1
        if self.seen[artefact] >= self.each:
            self._told[artefact].set()

    async def by_all(self, artefact: int, limit_s: float) -> bool:
        """Wait until every listener of its session has seen an artefact; False when that takes too long."""
        try:
            async with asyncio.timeout(limit_s):
                await self._told[artefact].wait()
        except TimeoutError:
            return False
        return True


async def listen(target: Target, session: int, board: Board) -> None:
    """Listen until the client is closed; whatever else ends a listener is raised, and told at the next block."""
    import aiohttp

    way = {"poll": _poll, "long_poll": _long_poll, "sse": _events_of_stream, "websocket": _socket}
    mine: set[int] = set()
    try:
        async for artefact in way[target.variant.flags["events"]](target, session, board):
            board.saw(artefact, mine)
    except (aiohttp.ClientError, asyncio.IncompleteReadError, RuntimeError):
        if not target.client.closed:
            raise


async def _get(target: Target, path: str, board: Board) -> Any:
    async with target.client.get(target.api + path) as answer:
        body = await answer.read()
    board.received += len(body)
    return json.loads(body)


async def _poll(target: Target, session: int, board: Board) -> AsyncIterator[int]:
    """Ask for the newest history and artefacts every half second, from a moment of one's own."""
    newest = max((row["id"] for row in await _get(target, f"/api/sessions/{session}/code?limit=1", board)), default=0)
    phase, due = float(target.rng.random()), 0.0
    while True:
        if not board.listening.is_set():
            await board.listening.wait()
            due = time.monotonic() + POLL_S * phase
        await asyncio.sleep(max(due - time.monotonic(), 0))
        due += POLL_S
        await _get(target, f"/api/sessions/{session}/history?limit=4", board)
        rows = await _get(target, f"/api/sessions/{session}/code?limit=4", board)
        for number in sorted(row["id"] for row in rows if row["id"] > newest):
            newest = number
            yield number


async def _long_poll(target: Target, session: int, board: Board) -> AsyncIterator[int]:
    cursor = (await _get(target, f"/api/sessions/{session}/events?wait_s=0", board))["cursor"]
    while True:
        told = await _get(target, f"/api/sessions/{session}/events?after={cursor}&wait_s={WAIT_S}", board)
        cursor = told["cursor"]
        for event in told["events"]:
            if event["event"] == "artefact":
                yield event["data"]["id"]


async def _events_of_stream(target: Target, session: int, board: Board) -> AsyncIterator[int]:
    import aiohttp

    forever = aiohttp.ClientTimeout(total=None)
    async with target.client.get(f"{target.api}/api/sessions/{session}/events", timeout=forever) as answer:
        while block := await answer.content.readuntil(b"\n\n"):
            board.received += len(block)
            if b"\nevent: artefact\n" in block:
                yield json.loads(block.split(b"\ndata: ", 1)[1])["id"]


async def _socket(target: Target, session: int, board: Board) -> AsyncIterator[int]:
    async with target.client.ws_connect(f"{target.api}/api/sessions/{session}/events") as socket:
        async for message in socket:
            board.received += len(message.data)
            event = json.loads(message.data)
            if event["event"] == "artefact":
                yield event["data"]["id"]
