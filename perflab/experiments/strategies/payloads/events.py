"""How should a text client learn that a turn is finished or an artefact made: poll, long poll, SSE or WebSocket?"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from perflab.experiments.strategies.arrivals import open_arrivals
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work
from perflab.experiments.strategies.payloads.content import SESSIONS, fill
from perflab.experiments.strategies.payloads.listeners import POLL_S, Board, listen
from perflab.instrument.cpu_clock import tree_cpu_s

EACH = 2  # listeners of a session
PER_S = 25.0
IDLE_SHARE = 0.4
LOST_S = 5.0  # an event that has not reached every listener by then is lost
BOARDS: WeakKeyDictionary[object, Board] = WeakKeyDictionary()  # by the client of a started system
LISTENING: WeakKeyDictionary[object, list[asyncio.Task[None]]] = WeakKeyDictionary()
IDLE = FigureSpec("idle_cpu_ms_per_s", "CPU while nothing happens", "ms/s", 2.0, in_units=True)
BYTES = FigureSpec("bytes_per_event", "bytes per event", "bytes", 0.10)


async def prepare(target: Target) -> None:
    """Fill the sessions and let every listener connect; they stay for as long as the system runs."""
    await fill(target)
    board = BOARDS[target.client] = Board(EACH)
    LISTENING[target.client] = [
        asyncio.create_task(listen(target, session, board)) for session in range(1, SESSIONS + 1) for _ in range(EACH)
    ]
    await asyncio.sleep(0.6)


def _cpu_s(target: Target) -> float:
    return sum(tree_cpu_s(p.pid) for p in target.running.processes.values() if p.role == "system")


async def tell(target: Target) -> Work:
    """Let the listeners listen for one block; between blocks they are silent, for siblings share the core."""
    board = BOARDS[target.client]
    board.listening.set()
    try:
        return await _tell(target, board)
    finally:
        board.listening.clear()


async def _tell(target: Target, board: Board) -> Work:
    """Be idle for a while, then store artefacts at open arrivals, each done when both its listeners have it.

    `latency_ms` is from when the artefact was due to be asked for until the slower of its listeners knows of it.
    """
    for task in LISTENING[target.client]:
        if task.done():
            task.result()
    quiet, before = max(IDLE_SHARE * target.seconds, 0.25), _cpu_s(target)
    await asyncio.sleep(quiet)
    idle = 1000 * (_cpu_s(target) - before) / quiet
    received, doubled = board.received, board.doubled
    sessions = target.rng.integers(1, SESSIONS + 1, int(PER_S * target.seconds * 3 + 100)).tolist()

    async def send(i: int) -> bool:
        async with target.client.post(f"{target.api}/api/sessions/{sessions[i]}/summary") as answer:
            if answer.status != 201:
                return False
            made = (await answer.json())["id"]
        return await board.by_all(made, LOST_S)

    met = await open_arrivals(target.rng, PER_S, max(target.seconds - quiet, 0.5), send)
    figures = {IDLE.column: idle, BYTES.column: (board.received - received) / max(met.latency_ms.size, 1)}
    failed = met.failed + board.doubled - doubled  # an event that came twice is a fault as well
    return Work(met.latency_ms, met.late_ms, failed, figures)


EXPERIMENT = StrategyExperiment(
    key="events",
    strategy="ST-API-08",
    title="event transports",
    arms=("events=long_poll", "events=sse", "events=websocket"),
    condition=f"{SESSIONS * EACH} listeners, {PER_S:g} artefacts/s, {IDLE_SHARE:.0%} of the time nothing; polls "
    f"every {POLL_S:g} s; an artefact's making is in every arm's CPU and latency alike",
    work=tell,
    prepare=prepare,
    figures=(IDLE, BYTES),
    price="a connection held for each client, and balancers that keep it; a place for each in memory",
    turns="polling is cheaper once nearly every poll finds something new",
)
