"""One writer, many listeners: each asks again and again, or Redis tells them, by pub/sub or by a stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.education.fan_out import EVERY_S, entries_of
from perflab.experiments.state_database.contest import Contest, Done, Work
from perflab.experiments.state_database.laboratory import Laboratory

MESSAGES, LISTENERS, ASKED_EVERY_S, PATIENCE_S = 20, 10, 0.02, 10
STREAM = CHANNEL = "broadcast"


@dataclass(frozen=True)
class Way:
    """How a message is sent, and how listener number i receives one after the other, without end.

    `clear` forgets, before a block, what was sent in the last one.
    """

    publish: Callable[[int], Awaitable[Any]]
    listen: Callable[[int], AsyncGenerator[int, None]]
    clear: Callable[[], Awaitable[Any]] | None = None


def to_many(lab: Laboratory) -> Contest:
    """Send messages to listeners who are there all the time, and time each delivery."""

    def way(one: Way) -> Work:
        return lambda rng: lab.run(delivered(one, rng.integers(1 << 40, size=MESSAGES).tolist()))

    return Contest(
        key="broadcast", strategy="ST-API-09", title=f"messages to {LISTENERS} listeners through Redis",
        pids=lab.redis_pids,
        condition=f"{MESSAGES} messages, one every {1e3 * EVERY_S:g} ms; response: from sending to each listener's "
        "having it; CPU per delivery",
        ways={f"each asks every {1e3 * ASKED_EVERY_S:g} ms": way(stream(lab.redis, blocking=False)),
              "pub/sub": way(channel(lab)), "stream, a read that waits": way(stream(lab.redis, blocking=True))},
        gives_up={"pub/sub": "messages sent while a listener is away"},
        price="a connection for each listener that does nothing else; who reads too slowly is cut off (pub/sub) or "
        "falls behind what the stream keeps",
        turns="messages so frequent that whoever asks always finds some: one answer then carries many",
    )  # fmt: skip


def stream(client: Any, *, blocking: bool) -> Way:
    """Append to a stream that each listener reads on from the last id: at once with a read that waits, or by asking."""

    async def listen(listener: int) -> AsyncGenerator[int, None]:
        last: Any = "0"
        await asyncio.sleep(0.0 if blocking else ASKED_EVERY_S * listener / LISTENERS)  # listeners do not ask in step
        while True:
            found = await client.xread({STREAM: last}, block=1000 * PATIENCE_S if blocking else None)
            for number, fields in entries_of(found):
                last = number
                yield int(fields[b"n"])
            if not blocking:
                await asyncio.sleep(ASKED_EVERY_S)

    return Way(
        lambda number: client.xadd(STREAM, {"n": number}, maxlen=10_000, approximate=True),
        listen,
        lambda: client.delete(STREAM),
    )


def channel(lab: Laboratory) -> Way:
    """Publish on a channel; every listener subscribes once, as those of a class stay for its lesson."""

    async def subscribed(one: Any) -> None:
        await one.subscribe(CHANNEL)
        await one.get_message(timeout=PATIENCE_S)  # the server's word that it listens

    async def listen(listener: int) -> AsyncGenerator[int, None]:
        while True:
            message = await listeners[listener].get_message(ignore_subscribe_messages=True, timeout=PATIENCE_S)
            if message is not None:
                yield int(message["data"])

    listeners = [lab.kept(lab.redis.pubsub()) for _ in range(LISTENERS)]
    for one in listeners:
        lab.run(subscribed(one))
    return Way(lambda number: lab.redis.publish(CHANNEL, number), listen)


async def delivered(way: Way, messages: list[int]) -> Done:
    """Send the messages at their times and wait until every listener has all of them, in the order of their sending."""
    sent, ms, received = dict[int, float](), list[float](), [list[int]() for _ in range(LISTENERS)]

    async def receive(listener: int) -> None:
        async with aclosing(way.listen(listener)) as arriving:
            async for number in arriving:
                ms.append(1e3 * (time.perf_counter() - sent[number]))
                received[listener].append(number)
                if len(received[listener]) == len(messages):
                    return

    if way.clear:
        await way.clear()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        for listener in range(LISTENERS):
            tasks.create_task(receive(listener))
        for number in messages:
            await asyncio.sleep(EVERY_S)
            sent[number] = time.perf_counter()
            await way.publish(number)
    return Done(np.array(ms), repr(received))
