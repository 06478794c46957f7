"""The code generator by HTTP/2, in batches, and with what can go wrong on purpose."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import httpx2
import pytest

from perflab.errors import UsageError
from perflab.standins.codegen.__main__ import server_from
from perflab.standins.codegen.answer import generate
from perflab.standins.codegen.requests import MAX_BATCH, BadRequest, parse_batch
from perflab.standins.codegen.troubles import TROUBLES
from perflab.standins.faults import CODEGEN_FAULTS, LIVE_FAULTS, FaultPlan, parse_faults

from .test_codegen import codegen
from .virtual import outcome, read_rows

FAST = ("--latency", "const-0")
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def http2() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(http1=False, http2=True)


def test_one_port_speaks_both_protocols_and_answers_alike(tmp_path: Any) -> None:
    async def ask(url: str) -> list[httpx2.Response]:
        async with http2() as new, httpx2.AsyncClient() as old:
            body = {"prompt": "p" * 20_000, "language": "rust"}
            answers = [await client.post(f"{url}/v1/generate", json=body) for client in (new, old)]
            answers += [await new.post(f"{url}/v1/generate", json={"prompt": "x" * 70_000})]
            return [*answers, await new.get(f"{url}/nothing")]

    with codegen(tmp_path, *FAST) as (url, _):
        new, old, large, lost = asyncio.run(ask(url))
    assert (new.http_version, old.http_version) == ("HTTP/2", "HTTP/1.1")
    assert new.json() == old.json() == generate("p" * 20_000, "rust")
    assert (large.status_code, lost.status_code) == (413, 404)


def test_a_client_that_breaks_the_rules_ends_only_its_own_connection(tmp_path: Any) -> None:
    async def rubbish(url: str) -> tuple[bytes, int]:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"PRI * HT")
        await asyncio.sleep(0.02)
        writer.write(b"TP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS + b"\0\0\1\0\0\0\0\0\0x")  # DATA on stream 0
        said = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        async with http2() as client:
            return said, (await client.get(f"{url}/healthz")).status_code

    with codegen(tmp_path) as (url, _):
        said, status = asyncio.run(rubbish(url))
    assert said and status == 200


def test_items_of_a_batch_succeed_and_fail_each_by_itself(tmp_path: Any) -> None:
    items = [{"prompt": "a", "session": 4, "turn": 2}, {"prompt": ""}, "b", {"prompt": "c", "language": "go"}]

    async def ask(url: str) -> tuple[int, Any, int]:
        async with aiohttp.ClientSession() as http:
            async with http.post(f"{url}/v1/generate_batch", json={"requests": items}) as answer:
                status, body = answer.status, await answer.json()
            async with http.post(f"{url}/v1/generate_batch", json={"requests": []}) as answer:
                return status, body, answer.status

    with codegen(tmp_path, *FAST) as (url, _):
        status, body, empty = asyncio.run(ask(url))
    first, second, third, fourth = body["results"]
    assert (status, empty, first, fourth) == (200, 400, generate("a", "python"), generate("c", "go"))
    assert second["error"]["code"] == third["error"]["code"] == 400
    rows = read_rows(tmp_path / "codegen.rows")
    assert sorted(outcome(row) for row in rows) == ["error", "error", "error", "ok", "ok"]
    assert {(row["user"], row["seq"]) for row in rows} == {(4, 2), (0, 0)}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"requests":{}}', json.dumps({"requests": [1] * (MAX_BATCH + 1)})])
def test_a_batch_that_is_none_is_refused_whole(body: bytes) -> None:
    with pytest.raises(BadRequest, match=r"is not JSON|is required"):
        parse_batch(body)


def test_a_reset_answers_nothing_by_either_protocol(tmp_path: Any) -> None:
    async def ask(url: str) -> list[Exception]:
        lost = []
        for client in (http2(), httpx2.AsyncClient()):
            async with client:
                with pytest.raises(httpx2.TransportError) as failed:
                    await client.post(f"{url}/v1/generate", json={"prompt": "a"})
                lost.append(failed.value)
        return lost

    with codegen(tmp_path, *FAST, "--faults", "reset%1") as (url, process):
        assert len(asyncio.run(ask(url))) == 2 and process.poll() is None


def test_a_window_comes_again() -> None:
    plan = FaultPlan(parse_faults(TROUBLES["burst503"], CODEGEN_FAULTS), 7)
    struck = [bool(plan.strike("rest_503", at, 1)) for at in (0.0, 0.31, 0.69, 0.71, 2.0, 2.31, 2.71, 100.5)]
    assert struck == [False, True, True, False, False, True, False, True]


@pytest.mark.parametrize("spec", ["rest_503@1+2/1", "rest_503@1+2/2", "rest_503@1/2", "rest_503%0.5/2", "reset@0+1/"])
def test_a_window_that_cannot_come_again_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"must be|longer than it lasts"):
        parse_faults(spec, CODEGEN_FAULTS)


def test_troubles_parse_and_the_live_service_has_no_repeats(tmp_path: Any) -> None:
    for name in TROUBLES:
        given = server_from(["--port", "0", "--log", str(tmp_path / "log"), "--faults", name])
        assert bool(given.faults) is (name != "none")
    with pytest.raises(UsageError, match="code generator only"):
        parse_faults("rest_503@1+2/4", LIVE_FAULTS)
    with pytest.raises(UsageError, match="--streams 0"):
        server_from(["--port", "0", "--log", "x", "--streams", "0"])
