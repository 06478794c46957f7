"""Messages to many: how long delivery takes by receivers, and what a receiver misses that is away for a while."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.stats.interval import Interval
from perflab.stats.latency import sectioned_quantile

RECEIVERS, EVERY_S, CHANNEL = (1, 10, 50), 0.005, "class:7"


@dataclass(frozen=True)
class Delivered:
    """Times from publishing until each receiver had the message (ms), by number of receivers."""

    receivers: int
    ms: np.ndarray

    @property
    def p95(self) -> Interval:
        """The 95th percentile with its interval by sectioning: messages of one run depend on each other."""
        return sectioned_quantile(self.ms, 0.95, 5, log=True)

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {"receivers": self.receivers, "deliveries": len(self.ms),
                "median (ms)": round(float(np.median(self.ms)), 3),
                "p95 (ms)": round(self.p95.value, 3), "p95 low": round(self.p95.low or 0, 3),
                "p95 high": round(self.p95.high or 0, 3)}  # fmt: skip


@dataclass(frozen=True)
class Missed:
    """What a receiver got of the messages that were sent while it was away."""

    way: str
    sent: int
    received: int

    def row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return {"way": self.way, "sent": self.sent, "received": self.received, "missed": self.sent - self.received}


async def deliveries(client: Any, messages: int) -> tuple[Delivered, ...]:
    """Publish the same number of messages to each number of receivers."""
    return tuple([await _delivered(client, receivers, messages) for receivers in RECEIVERS])


async def _delivered(client: Any, receivers: int, messages: int) -> Delivered:
    sent, ms = list[float](), np.full((messages, receivers), np.nan)

    async def receive(column: int, subscribed: Any) -> None:
        got = 0
        while got < messages:
            message = await subscribed.get_message(ignore_subscribe_messages=True, timeout=10)
            if message is not None:
                number = int(message["data"])
                ms[number, column] = 1e3 * (time.perf_counter() - sent[number])
                got += 1

    subscribers = [client.pubsub() for _ in range(receivers)]
    for subscribed in subscribers:
        await subscribed.subscribe(CHANNEL)
        await subscribed.get_message(timeout=10)  # the server's word that it listens
    tasks = [asyncio.create_task(receive(column, one)) for column, one in enumerate(subscribers)]
    for number in range(messages):
        sent.append(time.perf_counter())
        await client.publish(CHANNEL, number)
        await asyncio.sleep(EVERY_S)
    await asyncio.wait_for(asyncio.gather(*tasks), 30)
    for subscribed in subscribers:
        await subscribed.aclose()
    return Delivered(receivers, ms.ravel())


async def missed_while_away(client: Any, messages: int) -> tuple[Missed, ...]:
    """Send a third of the messages while a receiver listens, a third while it is away, and a third after it is back."""
    return await _by_channel(client, messages), await _by_stream(client, messages)


async def _by_channel(client: Any, messages: int) -> Missed:
    third, received = messages // 3, 0
    for part in range(3):
        subscribed = client.pubsub()
        if part != 1:
            await subscribed.subscribe(CHANNEL)
            await subscribed.get_message(timeout=10)
        for number in range(third):
            await client.publish(CHANNEL, number)
        while part != 1 and await subscribed.get_message(ignore_subscribe_messages=True, timeout=0.3) is not None:
            received += 1
        await subscribed.aclose()
    return Missed("pub/sub", 3 * third, received)


async def _by_stream(client: Any, messages: int) -> Missed:
    third, received, last, stream = messages // 3, 0, "0", f"stream:{CHANNEL}"
    await client.delete(stream)
    for part in range(3):
        for number in range(third):
            await client.xadd(stream, {"n": number}, maxlen=10_000, approximate=True)
        if part == 1:
            continue  # away
        while found := await client.xread({stream: last}, count=100):
            entries = entries_of(found)
            received, last = received + len(entries), entries[-1][0]
    return Missed("stream, read on from the last id", 3 * third, received)


def entries_of(found: Any) -> list[tuple[Any, dict[bytes, bytes]]]:
    """Return what XREAD found in its one stream, (id, fields) by age, in whichever form the protocol gives it."""
    if not found:
        return []
    return found[0][1] if isinstance(found, list) else next(iter(found.values()))[0]  # type: ignore[no-any-return]


def fan_out_sentence(delivered: tuple[Delivered, ...], missed: tuple[Missed, ...]) -> str:
    """Say how delivery grows with receivers, and what is lost by each way."""
    parts = [f"{d.receivers} receivers {d.p95.value:.2f} ms (95 % interval {d.p95.low or 0:.2f} to "
             f"{d.p95.high or float('inf'):.2f}, n = {len(d.ms)})" for d in delivered]  # fmt: skip
    lost = "; ".join(f"{m.way}: {m.sent - m.received} of {m.sent} missed" for m in missed)
    said = f"p95 from publishing to delivery: {', '.join(parts)}."
    return f"{said} A receiver that was away for a third of the messages, {lost}."
