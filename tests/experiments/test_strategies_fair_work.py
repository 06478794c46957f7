"""That all arms do the same work, and that a figure is of what its name says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.experiments.strategies.arrivals import Arrivals
from perflab.experiments.strategies.caching import EXPERIMENTS, no_writes, single_flight, watching, zipf_reads
from perflab.experiments.strategies.caching import study as caching_study
from perflab.experiments.strategies.caching.counters import Counters
from perflab.experiments.strategies.experiment import Target, Work
from perflab.experiments.strategies.payloads import voice_turns
from perflab.wire.frame import Flag, Frame, FrameType, encode_binary


def watched(shows_from_look: int) -> tuple[int, int, np.ndarray]:
    """Watch a store that shows no write before a look; return its writes, its looks and the staleness."""
    writes: list[int] = []
    looks: list[int] = []

    async def write() -> int:
        writes.append(len(writes) + 1)
        return len(writes)

    async def look() -> int:
        looks.append(len(looks) + 1)
        return len(writes) if len(looks) >= shows_from_look else 0

    stale = asyncio.run(watching.stale_ms(0.3, 0.2, write, look))
    return len(writes), len(looks), stale


def test_a_stale_arm_writes_and_looks_as_often_as_a_fresh_one() -> None:
    due = watching.look_times(0.3, 0.2).size
    fresh, stale, slower = (watched(n) for n in (1, due, due + 2))
    assert fresh[:2] == stale[:2] == (1, due) and slower[:2] == (1, due + 2)
    assert slower[2].max() > stale[2].max() > fresh[2].max()


@pytest.mark.parametrize(("seconds", "writes"), [(0.1, 1), (0.5, 2), (3.0, 12)])
def test_writes_are_due_at_fixed_times_and_at_least_one_in_any_block(seconds: float, writes: int) -> None:
    times = watching.write_times(seconds)
    assert times.size == writes and (times < seconds).all()


def test_staleness_is_from_the_acknowledgement_to_the_first_look_that_shows_the_write_or_a_later_one() -> None:
    written = [(1.0, 5), (1.2, 7), (1.4, 6), (1.9, 8)]
    seen = [(0.9, 4), (1.1, 5), (1.5, 5), (1.35, 7), (2.0, 7)]
    assert watching.unseen_ms(written, seen) == pytest.approx([100.0, 150.0, 0.0, 100.0])


def test_a_row_that_was_meant_for_another_is_seen() -> None:
    def answers(*users: str) -> list[tuple[float, int, bytes]]:
        return [(1.0, 200, json.dumps({"id": 1, "user": user}).encode()) for user in users]

    assert single_flight.whose(answers("a", "b")) != single_flight.whose(answers("b", "a"))
    assert single_flight.whose(answers("a")) != single_flight.whose([(1.0, 503, b"gone")])


class Answer:
    def __init__(self, status: int) -> None:
        self.status = status

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def read(self) -> bytes:
        return b"row"


class Client:
    """Counts what is written, and refuses the first of it."""

    wrote = 0

    def get(self, _: str) -> Answer:
        return Answer(200)

    def post(self, _: str) -> Answer:
        self.wrote += 1
        return Answer(503 if self.wrote == 1 else 201)


def mixed(monkeypatch: pytest.MonkeyPatch, work: Callable[[Any], Awaitable[Any]]) -> tuple[Client, Work]:
    """Send 200 requests of a mix whose writes take a second and whose reads a millisecond."""
    client = Client()

    async def arrive(_: Any, __: float, ___: float, send: Callable[[int], Awaitable[bool]]) -> Arrivals:
        latency = np.full(200, np.nan)
        for i in range(200):
            wrote = client.wrote
            if await send(i):
                latency[i] = 1000.0 if client.wrote > wrote else 1.0
        answered = np.flatnonzero(np.isfinite(latency))
        return Arrivals(latency[answered], np.zeros(200), 200 - answered.size, answered)

    async def none(_: Any) -> Counters:
        return Counters({})

    monkeypatch.setattr(zipf_reads, "open_arrivals", arrive)
    monkeypatch.setattr(zipf_reads, "counters", none)

    async def run() -> Work:
        found: Work = await work(Target({"api": ""}, None, client, np.random.default_rng(4), 1.0, 0, None))  # type: ignore[arg-type]
        return found

    return client, asyncio.run(run())


def test_latency_is_of_the_reads_and_failures_are_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    client, work = mixed(monkeypatch, zipf_reads.read_and_write)
    assert client.wrote > 2 and work.failed == 1
    assert work.latency_ms.max() == 1.0 and work.latency_ms.size == 200 - client.wrote


def test_the_level_is_measured_without_writes_too_and_its_cache_is_filled_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for work in (no_writes.EXPERIMENT.work, no_writes.EXPERIMENT.warm):
        assert work is not None
        client, _ = mixed(monkeypatch, work)
        assert client.wrote == 0
    assert no_writes.EXPERIMENT in EXPERIMENTS and "none written" in no_writes.EXPERIMENT.condition


@pytest.mark.parametrize(("quick", "left"), [(True, {"cache-no-writes"}), (False, set())])
def test_quick_leaves_out_what_only_full_has_time_for(
    quick: bool, left: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching_study, "run_experiment", lambda study, one, sizes: one.key)
    measured = caching_study.measure(SimpleNamespace(quick=quick, time_scale=1.0))  # type: ignore[arg-type]
    assert {one.key for one in EXPERIMENTS} - set(measured) == left


class Socket:
    """A gateway that is ready, answers each turn with the frames given, and then closes."""

    def __init__(self, *turns: list[tuple[FrameType, Flag]]) -> None:
        ready = [(FrameType.CONTROL, Flag.NONE)]
        self.frames = [frame for turn in (ready, *turns) for frame in turn]

    async def send_bytes(self, _: bytes) -> None: ...

    async def receive(self, _: float) -> Any:
        class Message:
            data: Any = None

        message = Message()
        if self.frames:
            kind, flags = self.frames.pop(0)
            body = b'{"op": "ready"}' if kind is FrameType.CONTROL else b"ab"
            message.data = encode_binary(Frame(kind, 1, 1, 20, body, flags))
        return message


SOUND = [(FrameType.AUDIO, Flag.NONE), (FrameType.TEXT, Flag.END_OF_TURN)]
SILENT = [(FrameType.TEXT, Flag.END_OF_TURN)]


def test_a_turn_without_audio_fails_and_is_not_the_fastest() -> None:
    def told(*turns: list[tuple[FrameType, Flag]]) -> voice_turns.Told | None:
        class Client:
            @asynccontextmanager
            async def ws_connect(self, *_: object, **__: object) -> AsyncIterator[Socket]:
                yield Socket(*turns)

        target: Any = SimpleNamespace(client=Client(), voice="", variant=SimpleNamespace(flags={"frames": "binary"}))
        return asyncio.run(voice_turns.call(target, 1, [bytes(640)]))

    heard = told(SOUND)
    assert heard is not None and abs(heard[0]) < 1000
    assert told(SILENT) is None and told([SOUND[0]]) is None and told() is None


def test_a_full_block_has_enough_turns_for_its_p95() -> None:
    from perflab.experiments.strategies.run import FULL

    assert voice_turns.CALLERS * voice_turns.turns_in(FULL.seconds) >= 20
