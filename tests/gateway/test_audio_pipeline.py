"""Gateways whose audio stages are on: the same answers where they promise them, and what they found can be read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from scipy.signal import resample_poly

from perflab.audio.codecs.opus import CODEC
from perflab.wire.audio_format import FORMATS
from perflab.wire.frame import Flag, Frame, FrameType
from perflab.wire.marks import Mark

from .processes import RunningGateway, World, gateway
from .test_equivalence import answers_of
from .variants import BASELINE, OPTIMISED, SPEECH, STAGED, conversation
from .voice_client import Answer, VoiceClient, open_client

STAGES = {"silence": "suppressed", "pipeline": "batched", "tick": "ms5"}
FORTY_EIGHT = FORMATS["pcm48k"]


def metric(running: RunningGateway, name: str) -> float:
    text = httpx.get(f"{running.api}/metrics", trust_env=False).text
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def reference(outside: World) -> list[Answer]:
    return answers_of(outside, BASELINE)


@pytest.mark.slow
@pytest.mark.parametrize("flags", STAGED, ids=["ticks", "frames"])
def test_stages_without_conversion_change_no_answer(
    outside: World, reference: list[Answer], flags: dict[str, str]
) -> None:
    with gateway(outside, f"stages-{len(flags)}", flags) as running:
        answers = conversation(running)
        assert [(a.text, a.audio) for a in answers] == [(a.text, a.audio) for a in reference]
        spoken = sum(len(pcm) for pcm in SPEECH) // 640
        assert metric(running, 'gateway_audio_frames_total{found="speech"}') == spoken
        assert metric(running, "gateway_audio_speech_ends_total") == len(SPEECH)
        assert metric(running, "gateway_speech_level_dbfs") == pytest.approx(
            20 * np.log10(12_000 / 2**15) - 3.01, abs=0.1
        )
        silent = metric(running, 'gateway_audio_frames_total{found="silence"}')
        assert 0 < metric(running, "gateway_audio_suppressed_frames_total") < silent
        assert (metric(running, "gateway_audio_ticks_total") > 0) == (flags["pipeline"] == "batched")
        log = running.log.read_text()
        assert log.index("audio stages") < log.index("voice on ws://")  # compiled before it is ready


async def converse_at_48k(running: RunningGateway, session: int) -> tuple[list[Answer], dict[str, Any]]:
    async with open_client(running.voice_port, running.codec) as socket:
        client = VoiceClient(socket, running.codec, FORTY_EIGHT.frame_up_bytes)
        assert await client.start(session, audio=FORTY_EIGHT.asked()) == {
            "audio": {"codec": "pcm", "rate": 48_000, "rate_down": 48_000}
        }
        answers = []
        for turn, pcm in enumerate(SPEECH[:2], start=1):
            wide = np.rint(resample_poly(np.frombuffer(pcm, "<i2").astype(float), 3, 1)).astype("<i2").tobytes()
            answers.append(await client.ask(turn, wide))
        async with httpx.AsyncClient(base_url=running.api, trust_env=False) as api:
            heard = (await api.get(f"/api/sessions/{session}/audio")).json()["heard"]
        await client.control(op="cancel")
        assert await client.closed() == 1000
        return answers, heard


@pytest.fixture(scope="module")
def wide(outside: World) -> Iterator[RunningGateway]:
    flags = OPTIMISED | {"client_audio": "pcm48k", "pipeline": "batched", "voice_activity": "energy", "tick": "ms10"}
    with gateway(outside, "wide", flags) as started:
        yield started


@pytest.mark.slow
def test_a_client_at_48_khz_converses_and_what_was_found_can_be_read(wide: RunningGateway) -> None:
    (first, heard), (again, _) = asyncio.run(both(wide))
    assert [(a.text, a.audio) for a in first] == [(a.text, a.audio) for a in again]  # nothing of a neighbour is heard
    for answer in first:
        assert len(answer.audio) > 2 * 4800
        assert len(answer.audio) % FORTY_EIGHT.frame_up_bytes == 0
        assert 0 < answer.marks[Mark.RX_LAST] < answer.marks[Mark.UP_TX_LAST]
    assert heard["turns"] == 2
    assert heard["voiced"] >= sum(len(pcm) for pcm in SPEECH[:2]) // 640
    assert heard["speech_dbfs"] == pytest.approx(-11.7, abs=0.3)
    assert heard["bytes_in"] == heard["frames"] * 1920


async def both(running: RunningGateway) -> list[Any]:
    return list(await asyncio.gather(converse_at_48k(running, 71), converse_at_48k(running, 72)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"codec": "pcm", "rate": 44_100}, "takes pcm at 16000 Hz or pcm at 48000 Hz"),
        ({"codec": "morse", "rate": 16_000}, "takes pcm"),
        ("loud", "takes pcm"),
    ],
)
def test_a_form_that_is_not_offered_is_refused_in_one_line(wide: RunningGateway, asked: object, says: str) -> None:
    async def run() -> str:
        async with open_client(wide.voice_port, wide.codec) as socket:
            client = VoiceClient(socket, wide.codec)
            await client.control(op="start", session=5, audio=asked)
            assert await client.closed() == 1011
            return str(client.controls[-1]["message"])

    message = asyncio.run(run())
    assert says in message
    assert "\n" not in message


@pytest.mark.slow
def test_frames_of_another_rate_end_their_session_only(wide: RunningGateway) -> None:
    async def run() -> str:
        async with open_client(wide.voice_port, wide.codec) as socket:
            client = VoiceClient(socket, wide.codec)  # frames for 16 kHz
            await client.start(6, audio=FORTY_EIGHT.asked())
            beside = asyncio.create_task(converse_at_48k(wide, 73))
            await asyncio.sleep(0.05)
            await client.speak(1, SPEECH[0][:640])
            assert await client.closed() == 1011
            assert len((await beside)[0]) == 2
            return str(client.controls[-1]["message"])

    assert "at 48000 Hz a frame of 20 ms has 1920" in asyncio.run(run())


@pytest.mark.slow
def test_a_turn_whose_client_gives_no_hint_is_timed_by_the_end_that_was_found(wide: RunningGateway) -> None:
    async def run() -> Answer:
        async with open_client(wide.voice_port, wide.codec) as socket:
            client = VoiceClient(socket, wide.codec)
            await client.start(8)
            for at in range(0, len(SPEECH[0]), 640):
                await client.send(FrameType.AUDIO, 1, SPEECH[0][at : at + 640])
            silence = asyncio.create_task(client.stay_silent(1))
            answer = await client.listen(1)
            silence.cancel()
            return answer

    marks = asyncio.run(run()).marks
    assert 0 < marks[Mark.RX_FIRST] < marks[Mark.RX_LAST] <= marks[Mark.UP_TX_LAST] < marks[Mark.TX_FIRST]


@pytest.mark.slow
def test_a_client_that_speaks_opus_is_answered_in_opus(outside: World) -> None:
    encoder, decoder = CODEC.encoder(), CODEC.decoder()
    frames = [np.frombuffer(SPEECH[0][at : at + 640], "<i2") for at in range(0, len(SPEECH[0]), 640)]
    packets = [packet for frame in frames for packet in encoder.encode(frame)]
    quiet = [packet for _ in range(40) for packet in encoder.encode(np.zeros(320, np.int16))]

    async def run(running: RunningGateway) -> tuple[list[Frame], dict[str, Any]]:
        async with open_client(running.voice_port, running.codec) as socket:
            client = VoiceClient(socket, running.codec)
            agreed = await client.start(9, audio=FORMATS["opus"].asked())
            assert agreed == {"audio": {"codec": "opus", "rate": 16_000, "rate_down": 16_000}}
            await client.send_frames(1, packets)
            await client.send_frames(1, quiet)
            heard = [await client.receive()]
            while not heard[-1].flags & Flag.END_OF_TURN:
                heard.append(await client.receive())
            async with httpx.AsyncClient(base_url=running.api, trust_env=False) as api:
                return heard, (await api.get("/api/sessions/9/audio")).json()["heard"]

    flags = OPTIMISED | STAGES | {"client_audio": "opus", "denoise": "wiener"}
    with gateway(outside, "opus", flags) as running:
        heard, found = asyncio.run(run(running))
    audio = [frame.payload for frame in heard if frame.type is FrameType.AUDIO]
    assert len(audio) > 5
    assert sum(map(len, audio)) < len(audio) * 640 / 8
    assert np.abs(np.concatenate([decoder.decode(packet) for packet in audio])).max() > 500
    assert (found["refused"], found["turns"]) == (0, 1)
    assert found["suppressed"] > 0
