"""What a session owes its client and its gateway when the state or Live says no: an answer, a place, a closed row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from perflab.gateway.flags import BASELINE
from perflab.gateway.flags.store import StateUnavailable
from perflab.gateway.flags.upstream import LiveRefused
from perflab.gateway.gateway import Gateway
from perflab.gateway.session.conversation import INTERRUPTED
from perflab.gateway.session.voice import VoiceSession
from perflab.gateway.settings import Settings
from perflab.wire.frame import Flag, Frame, FrameType, encode_json64

SPEECH = b"\x10\x20" * 320


class Client:
    """A client's socket that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.flags: list[Flag] = []
        self.code = 0

    def control(self, body: dict[str, Any]) -> None:
        self.told.append(body)

    def reply(self, turn: Any, kind: FrameType, payload: bytes, flags: Flag = Flag.NONE) -> None:
        self.flags.append(flags)

    def drop(self, turn: Any) -> None:
        pass

    def close(self, code: int, reason: str) -> None:
        self.code = code


class Live:
    """A service that takes every connection, refuses it, or never answers."""

    def __init__(self, how: str = "takes") -> None:
        self.how, self.sink = how, None
        self.asked = asyncio.Event()

    async def connect(self, setup: Any, sink: Any) -> Any:
        self.asked.set()
        if self.how == "refuses":
            raise LiveRefused(403, "no such key")
        if self.how == "hangs":
            await asyncio.Event().wait()
        self.sink = sink
        return self

    def send_audio(self, pcm: bytes) -> None:
        pass

    async def close(self) -> None:
        pass


class World:
    """A gateway in this process, with one client."""

    def __init__(self, folder: Path, live: str) -> None:
        flags = {**BASELINE, "store": "pooled"}
        self.gateway = Gateway(Settings(1, 2, "", "http://127.0.0.1:3", folder / "s.sqlite", flags=flags))
        self.gateway.state.open()
        self.live = self.gateway.upstream = Live(live)
        self.gateway.generator = None  # type: ignore[assignment]
        self.client = Client()
        self.session = VoiceSession(self.gateway, self.client)

    def say(self, kind: FrameType, turn: int, payload: bytes, flags: Flag = Flag.NONE) -> None:
        self.session.receive(encode_json64(Frame(kind, turn, 1, 20, payload, flags)))

    def start(self) -> None:
        self.say(FrameType.CONTROL, 0, json.dumps({"op": "start", "session": 5}).encode())

    async def status(self) -> str | None:
        row = await self.gateway.state.session(5)
        return row.status if row else None

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(3):
            while not holds():
                await asyncio.sleep(0.001)


def run(folder: Path, deed: Callable[[World], Coroutine[Any, Any, None]], live: str = "takes") -> None:
    async def main() -> None:
        world = World(folder, live)
        await deed(world)
        await world.gateway.state.close()

    asyncio.run(main())


def failing(error: Exception) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def fails(*values: Any) -> None:
        raise error

    return fails


ERRORS = [StateUnavailable("away"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")]


@pytest.mark.parametrize("error", ERRORS, ids=["away", "any other"])
@pytest.mark.parametrize("ends", ["complete", "interrupted"])
def test_a_turn_that_is_not_stored_is_told_and_ends_the_session(tmp_path: Path, error: Exception, ends: str) -> None:
    async def deed(world: World) -> None:
        world.start()
        await world.until(lambda: world.client.told)
        world.say(FrameType.AUDIO, 1, SPEECH, Flag.END_OF_SPEECH)
        sink: Any = world.live.sink
        sink.live_audio(SPEECH, 1)
        world.gateway.state.record_turn = failing(error)  # type: ignore[method-assign]
        if ends == "complete":
            sink.live_turn_complete()
        else:
            sink.live_interrupted()
        await world.until(lambda: world.client.code)
        assert "turn 1 could not be stored" in world.client.told[-1]["message"] and world.client.code == 1011
        assert Flag.END_OF_TURN not in world.client.flags
        assert (INTERRUPTED in world.client.flags) == (ends == "interrupted")

    run(tmp_path, deed)


def test_a_session_leaves_its_place_whatever_the_state_says(tmp_path: Path) -> None:
    async def deed(world: World) -> None:
        world.start()
        await world.until(lambda: world.client.told)
        world.gateway.state.close_session = failing(ValueError("refused"))  # type: ignore[method-assign]
        with pytest.raises(ValueError, match="refused"):
            await world.session.closed()
        assert world.gateway.sessions == set()

    run(tmp_path, deed)


def test_a_session_that_live_refuses_is_not_left_open(tmp_path: Path) -> None:
    async def deed(world: World) -> None:
        world.start()
        await world.until(lambda: world.client.code)
        assert "no such key" in world.client.told[-1]["message"]
        await world.session.closed()
        assert await world.status() == "closed"

    run(tmp_path, deed, "refuses")


def test_a_client_that_leaves_while_live_is_asked_leaves_no_open_session(tmp_path: Path) -> None:
    async def deed(world: World) -> None:
        world.start()
        await world.live.asked.wait()
        assert await world.status() == "open"
        await world.session.closed()
        assert await world.status() == "closed" and world.gateway.sessions == set()

    run(tmp_path, deed, "hangs")


def test_the_state_is_closed_though_the_sessions_cannot_be_marked(tmp_path: Path) -> None:
    async def deed(world: World) -> None:
        gateway, closed = world.gateway, []

        async def close() -> None:
            closed.append(True)

        gateway._http = world.live  # type: ignore[assignment]
        gateway.opened.add(5)
        gateway.state.close_sessions = failing(ValueError("refused"))  # type: ignore[method-assign]
        plain, gateway.state.close = gateway.state.close, close  # type: ignore[method-assign]
        with pytest.raises(ValueError, match="refused"):
            await gateway.close()
        assert closed
        await plain()

    run(tmp_path, deed)


def test_a_gateway_that_stops_closes_the_sessions_that_it_opened_and_no_others(tmp_path: Path) -> None:
    async def deed(world: World) -> None:
        world.start()
        await world.until(lambda: world.client.told)
        await world.gateway.state.open_session(6, "Bo", "assistant")  # as another gateway on the same state would
        world.gateway._http = world.live  # type: ignore[assignment]
        await world.gateway.end_sessions()
        await world.session.closed()
        await world.gateway.close()
        world.gateway.state.open()
        other = await world.gateway.state.session(6)
        assert await world.status() == "closed" and other is not None and other.status == "open"

    run(tmp_path, deed)


@pytest.mark.parametrize(
    ("spoken", "answered", "broken", "counted"),
    [(True, False, False, (1, 0)), (True, True, False, (0, 0)), (False, False, False, (0, 0)),
     (True, False, True, (0, 1))],
    ids=["waits in vain", "has some of the reply", "has said nothing", "was told of an error"],
)  # fmt: skip
def test_a_client_that_leaves_without_any_reply_is_counted_once(
    tmp_path: Path, spoken: bool, answered: bool, broken: bool, counted: tuple[int, int]
) -> None:
    """An overloaded gateway refuses nobody: without this its counters say that all is well."""

    async def deed(world: World) -> None:
        world.start()
        await world.until(lambda: world.client.told)
        if spoken:
            world.say(FrameType.AUDIO, 1, SPEECH, Flag.END_OF_SPEECH)
        if answered:
            sink: Any = world.live.sink
            sink.live_audio(SPEECH, 1)
            sink.live_interrupted()
        if broken:
            world.session.fail("Live is lost")
        await world.session.closed()
        page = world.gateway.metrics.exposition().decode()
        for name, value in zip(("turns_unanswered", "session_errors"), counted, strict=True):
            assert f"gateway_{name}_total {value}.0" in page

    run(tmp_path, deed)
