"""Every variant must give the same answers to the same turns: the reply depends on every byte that reached Live."""

from __future__ import annotations

import asyncio
import tomllib

import pytest

from perflab.wire.marks import Mark

from .processes import ROOT, RunningGateway, World, gateway
from .voice_client import Answer, VoiceClient, open_client, tone

TOML = tomllib.loads((ROOT / "data/systems/voice_gateway.toml").read_text())
OPTIMISED = {flag["name"]: flag["optimised"] for flag in TOML["flag"]}
SINGLE = [{f["name"]: v["value"]} for f in TOML["flag"] for v in f["values"][1:]]
SPEECH = [tone(30, 220.0), tone(21, 330.0) + tone(9, 110.0), tone(40, 440.0)]  # the third turn calls the tool
REFERENCE: dict[str, list[tuple[str, bytes]]] = {}


async def converse(running: RunningGateway, session: int) -> list[Answer]:
    async with open_client(running.voice_port, running.codec) as socket:
        client = VoiceClient(socket, running.codec)
        await client.start(session)
        answers = [await client.ask(turn, pcm) for turn, pcm in enumerate(SPEECH, start=1)]
        await client.control(op="cancel")
        assert await client.closed() == 1000
        assert client.controls[-1] == {"op": "bye"}
        return answers


def answers_of(outside: World, flags: dict[str, str]) -> list[Answer]:
    name = "+".join(f"{key}-{value}" for key, value in flags.items()) or "baseline"
    with gateway(outside, name[:100], flags) as running:
        return asyncio.run(converse(running, 41))


@pytest.fixture(scope="module")
def reference(outside: World) -> list[Answer]:
    return answers_of(outside, {})


@pytest.mark.slow
@pytest.mark.parametrize("flags", [OPTIMISED, *SINGLE], ids=lambda flags: "+".join(flags.values()))
def test_variant_answers_like_the_baseline(outside: World, reference: list[Answer], flags: dict[str, str]) -> None:
    answers = answers_of(outside, flags)
    assert [(a.text, a.audio) for a in answers] == [(a.text, a.audio) for a in reference]


@pytest.mark.slow
def test_baseline_answers_differ_between_turns_and_carry_all_marks(reference: list[Answer]) -> None:
    assert len({answer.audio for answer in reference}) == len(SPEECH)
    assert all(len(answer.audio) > 4800 and answer.text for answer in reference)
    for answer in reference:
        m = answer.marks
        path = [
            m[k] for k in (Mark.RX_FIRST, Mark.RX_LAST, Mark.UP_TX_LAST, Mark.UP_RX_FIRST, Mark.TX_FIRST, Mark.TX_LAST)
        ]
        assert path == sorted(path)
        assert path[0] > 0
    tool = reference[2].marks
    assert 0 < tool[Mark.TOOL_START] < tool[Mark.TOOL_END] < tool[Mark.UP_RX_FIRST]
