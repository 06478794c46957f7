"""A running gateway whose state server is away: it serves what it can, says what it cannot, and needs no restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from perflab.benches.state.lost import kill_while_writing

from .processes import RunningGateway, World, gateway
from .state_servers import state_server
from .variants import OPTIMISED, SPEECH, conversation
from .voice_client import VoiceClient, open_client

FLAGS = {**OPTIMISED, "store": "redis"}


async def refused_start(running: RunningGateway) -> tuple[str, int]:
    """Start a session that cannot start; return what the client is told, and the close code."""
    async with open_client(running.voice_port, running.codec) as socket:
        client = VoiceClient(socket, running.codec)
        await client.control(op="start", session=5, template="assistant", user="Ada")
        told = await client.receive_control()
        return str(told), await client.closed()


@pytest.mark.slow
def test_redis_down_at_the_start_killed_in_a_conversation_and_back_each_time(outside: World, tmp_path: Path) -> None:
    with state_server("redis", tmp_path / "redis.log") as server:
        server.kill()
        with (
            gateway(outside, "faults", FLAGS, "--state-wait-s", "0.3", state_url=server.url) as running,
            httpx.Client(base_url=running.api, trust_env=False, timeout=20) as api,
        ):
            refused = api.post("/api/sessions", json={"user": "Ada"})
            assert refused.status_code == 503 and "cannot be reached" in refused.json()["error"]
            assert refused.headers["retry-after"] == "1"
            assert api.get("/healthz").json()["state"] == "away"
            assert "gateway_state_reachable 0.0" in api.get("/metrics").text
            told, code = asyncio.run(refused_start(running))
            assert "cannot be reached" in told and code == 1011

            server.restart()
            assert api.post("/api/sessions", json={"user": "Ada"}).status_code == 201
            assert api.get("/healthz").json()["state"] == "ok"
            assert "appendfsync=always" in api.get("/api/info").json()["durability"]

            async def broken_conversation() -> str:
                async with open_client(running.voice_port, running.codec) as socket:
                    client = VoiceClient(socket, running.codec)
                    await client.start(31)
                    assert (await client.ask(1, SPEECH[0])).audio  # acknowledged: its last frame came
                    server.kill()
                    with pytest.raises(AssertionError, match="turn 2 could not be stored") as told:
                        await client.ask(2, SPEECH[1])
                    return str(told.value)

            assert "control frame in a reply" in asyncio.run(broken_conversation())
            server.restart()
            assert len(conversation(running, 32)) == 3
            assert [row["turn"] for row in api.get("/api/sessions/31/history").json()] == [1, 1]
            assert api.get("/api/sessions/32").json()["turns"] == 3


@pytest.mark.parametrize("store", ["wal_batched", "redis"])
def test_a_killed_gateway_loses_nothing_that_it_acknowledged(store: str, tmp_path: Path) -> None:
    loss = kill_while_writing(store, tmp_path / "killed")
    assert loss.acknowledged >= 400 and loss.missing == 0


def test_write_behind_loses_the_last_moment_and_nothing_before(tmp_path: Path) -> None:
    loss = kill_while_writing("write_behind", tmp_path / "killed")
    assert loss.acknowledged >= 400 and loss.tail_only
    assert loss.missing < loss.acknowledged
