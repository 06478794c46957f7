"""What a client may do wrong, and what the gateway owes it: an error frame and 1011, never silence."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from perflab.wire.frame import FrameType

from .processes import RunningGateway, World, gateway, world
from .variants import BOTH, SPEECH, name_of
from .voice_client import SILENCE, VoiceClient, open_client, tone

Deed = Callable[[VoiceClient], Awaitable[None]]


@pytest.fixture(scope="module", params=BOTH, ids=name_of)
def running(request: pytest.FixtureRequest, outside: World) -> Iterator[RunningGateway]:
    with gateway(outside, name_of(request.param), request.param, "--max-sessions", "3") as started:
        yield started


def refused(running: RunningGateway, deed: Deed) -> str:
    """Do something wrong; returns the error message after checking the close code."""

    async def run() -> str:
        async with open_client(running.voice_port, running.codec) as socket:
            client = VoiceClient(socket, running.codec)
            await deed(client)
            assert await client.closed() == 1011
            assert client.controls[-1]["op"] == "error"
            return str(client.controls[-1]["message"])

    return asyncio.run(run())


async def _garbage(client: VoiceClient) -> None:
    await client.socket.send("{" if client.codec == "json64" else b"\xff" * 40)


async def _other_kind(client: VoiceClient) -> None:
    await client.socket.send(b"\x01" * 40 if client.codec == "json64" else "{}")


async def _early_audio(client: VoiceClient) -> None:
    await client.send(FrameType.AUDIO, 1, SILENCE)


async def _odd_audio(client: VoiceClient) -> None:
    await client.start(3)
    await client.send(FrameType.AUDIO, 1, b"\x01\x02\x03")


async def _turns_backwards(client: VoiceClient) -> None:
    await client.start(3)
    await client.send(FrameType.AUDIO, 2, SILENCE)
    await client.send(FrameType.AUDIO, 1, SILENCE)


async def _second_start(client: VoiceClient) -> None:
    await client.start(3)
    await client.control(op="start", session=4)


async def _bad_session(client: VoiceClient) -> None:
    await client.control(op="start", session=-1)


async def _no_template(client: VoiceClient) -> None:
    await client.control(op="start", session=3, template="../secrets")


async def _text_up(client: VoiceClient) -> None:
    await client.send(FrameType.TEXT, 1, b"hello")


@pytest.mark.parametrize(
    ("deed", "says"),
    [
        (_garbage, ""),
        (_other_kind, "takes"),
        (_early_audio, "before"),
        (_odd_audio, "16-bit"),
        (_turns_backwards, "upwards"),
        (_second_start, "not expected"),
        (_bad_session, "session must"),
        (_no_template, "no template"),
        (_text_up, "client only"),
    ],
)
def test_a_wrong_message_is_answered_and_closed(running: RunningGateway, deed: Deed, says: str) -> None:
    assert says in refused(running, deed)


def test_a_full_gateway_refuses_the_next_client(running: RunningGateway) -> None:
    async def run() -> None:
        async with (
            open_client(running.voice_port, running.codec) as a,
            open_client(running.voice_port, running.codec) as b,
            open_client(running.voice_port, running.codec) as c,
        ):
            for number, socket in enumerate((a, b, c)):
                await VoiceClient(socket, running.codec).start(100 + number)
            async with open_client(running.voice_port, running.codec) as fourth:
                client = VoiceClient(fourth, running.codec)
                assert await client.closed() == 1011
                assert "sessions already" in client.controls[0]["message"]

    asyncio.run(run())


@pytest.mark.slow
@pytest.mark.parametrize("flags", BOTH, ids=name_of)
def test_barge_in_ends_the_reply_and_the_next_turn_is_answered(tmp_path: Path, flags: dict[str, str]) -> None:
    async def run(running: RunningGateway) -> None:
        async with open_client(running.voice_port, running.codec) as socket:
            client = VoiceClient(socket, running.codec)
            await client.start(9)
            await client.speak(1, SPEECH[0])
            for _ in range(20):
                await client.send(FrameType.AUDIO, 1, SILENCE)
            await asyncio.sleep(0.6)  # think time is 0.3 s, the reply then takes seconds at real-time pace
            second = asyncio.create_task(client.keep_talking(2, tone(40, 500.0)))
            assert (await client.listen(1)).interrupted
            answer = await client.listen(2)
            second.cancel()
            assert answer.audio
            assert not answer.interrupted

    with world(tmp_path, "--pace", "1") as slow, gateway(slow, "gateway", flags) as running:
        asyncio.run(run(running))


@pytest.mark.slow
@pytest.mark.parametrize("flags", BOTH, ids=name_of)
def test_an_ended_turn_is_stored_and_sigterm_ends_everything_soon(outside: World, flags: dict[str, str]) -> None:
    async def run(running: RunningGateway) -> float:
        async with open_client(running.voice_port, running.codec) as socket:
            client = VoiceClient(socket, running.codec)
            await client.start(12)
            answer = await client.ask(1, SPEECH[0])
            with sqlite3.connect(running.database) as database:
                rows = database.execute("SELECT role, text FROM history WHERE session = 12").fetchall()
            assert rows[1] == ("model", answer.text)
            start = time.monotonic()
            running.popen.send_signal(signal.SIGTERM)
            assert await client.closed() in (1011, 1012)
            assert running.popen.wait(10) == 0
            return time.monotonic() - start

    with gateway(outside, f"stop-{name_of(flags)}", flags) as running:
        assert asyncio.run(run(running)) < 3.0
        with sqlite3.connect(running.database) as database:
            assert database.execute("SELECT status FROM sessions WHERE id = 12").fetchone() == ("closed",)
        assert "a-secret-key" not in running.log.read_text()
        assert "Traceback" not in running.log.read_text()
