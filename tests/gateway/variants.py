"""The variants and turns that several tests use."""

from __future__ import annotations

import asyncio
import tomllib

from .processes import ROOT, RunningGateway
from .voice_client import Answer, VoiceClient, open_client, tone

FLAGS = tomllib.loads((ROOT / "data/systems/voice_gateway.toml").read_text())["flag"]
BASELINE: dict[str, str] = {}
OPTIMISED: dict[str, str] = {flag["name"]: flag["optimised"] for flag in FLAGS}
# Nothing without another flag, another client, or other answers: driven together below, and by tests of their own.
API_ONLY = ("compression", "serialiser", "events", "payload")
CACHES = ("cache", "cache_write", "invalidation", "single_flight", "loader")
CALLS = ("dedup", "rate_limit", "bulkhead", "retry", "breaker", "batch")
STAGES = ("pipeline", "tick", "client_audio", "denoise", "voice_activity")
LOAD = ("admission",)  # on a busy machine it may refuse whoever comes first
NOT_ALONE = (*STAGES, "history", *API_ONLY, *CACHES, *CALLS, *LOAD)
SINGLE: list[dict[str, str]] = [
    {f["name"]: v["value"]} for f in FLAGS if f["name"] not in NOT_ALONE for v in f["values"][1:]
]
# For gateways whose way to Live is not what a test is about: the SDK alone takes 3 s of CPU to import.
LIGHT = {"upstream": "raw"}
# All other values that promise the baseline's answers, one start for several: the levels of the cache, what stands
# around a call, the audio stages (those that are STAGED in test_audio_pipeline), and with each one form of API answers.
COMPUTED = {"voice_activity": "energy", "pipeline": "batched"}
SUPPRESSED = {"silence": "suppressed", "tick": "ms5", **COMPUTED}
STAGED: list[dict[str, str]] = [
    OPTIMISED | SUPPRESSED | {"upstream": "sdk"},
    SUPPRESSED | {"pipeline": "per_frame_numba", "compression": "by_class", "events": "websocket"},
]
TOGETHER: list[dict[str, str]] = [
    LIGHT | flags
    for flags in (
        {"cache": "l1", "cache_write": "through", "single_flight": "on", "compression": "gzip", "serialiser": "orjson"},
        {"cache": "l2", "cache_write": "ahead", "loader": "batched", "compression": "zlibng", "serialiser": "msgspec"},
        {"cache": "l1_l2", "invalidation": "event", "compression": "isal", "serialiser": "msgpack"},
        {**dict.fromkeys(CALLS, "on"), "retry": "jitter", "compression": "brotli", "events": "long_poll"},
        {
            **COMPUTED,
            "tick": "ms10",
            "admission": "by_lag",
            "compression": "zstd",
            "events": "sse",
            "payload": "sparse",
        },
    )
]
BOTH = [BASELINE, OPTIMISED]
SPEECH = [tone(30, 220.0), tone(21, 330.0) + tone(9, 110.0), tone(40, 440.0)]  # the third turn calls the tool


def name_of(flags: dict[str, str]) -> str:
    return "optimised" if flags == OPTIMISED else "+".join(flags.values()) or "baseline"


async def converse(running: RunningGateway, session: int) -> list[Answer]:
    """Hold a conversation of three turns and say goodbye."""
    async with open_client(running.voice_port, running.codec) as socket:
        client = VoiceClient(socket, running.codec)
        await client.start(session)
        answers = [await client.ask(turn, pcm) for turn, pcm in enumerate(SPEECH, start=1)]
        await client.control(op="cancel")
        assert await client.closed() == 1000
        assert client.controls[-1] == {"op": "bye"}
        return answers


def conversation(running: RunningGateway, session: int = 41) -> list[Answer]:
    return asyncio.run(converse(running, session))
