"""The HTTP clients against the real stand-in: alike in answers, clear in failures, and none lost to a GOAWAY."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest

from perflab.gateway.calls.call import CallSettings, CodeCall, Generate
from perflab.gateway.flags import FLAGS, http_client
from perflab.gateway.flags.http_client import HttpCallFailed, pooled_http2
from perflab.standins.codegen.answer import generate as right

from .generator import ask, generator, stats, through
from .processes import free_port

CLIENTS = FLAGS["http_client"]
POOLED = ("pooled", "pooled_httpx2", "pooled_aiohttp")
PROMPTS = [f"prompt {i}" for i in range(40)]


async def many(generate: Generate, _: Counter[str]) -> Any:
    return await ask(generate, PROMPTS)


async def one(generate: Generate, _: Counter[str]) -> Any:
    return (await ask(generate, ["a"]))[0]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Give the URL of a stand-in with these options: one for all clients, where nobody counts what reached it."""
    with ExitStack() as stack:

        @cache
        def started(*options: str) -> str:
            folder = tmp_path_factory.mktemp("generator")
            return stack.enter_context(generator(folder, "--latency", "const-0", *options))

        yield started


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_gives_every_answer(shared: Callable[..., str], client: str) -> None:
    assert through(shared(), many, client) == [right(prompt, "python") for prompt in PROMPTS]


@pytest.mark.parametrize("client", CLIENTS)
def test_failures_say_whether_another_try_may_help(shared: Callable[..., str], client: str) -> None:
    seen = []
    for fault in ("rest_503%1", "rest_429%1", "reset%1", "silent%1"):
        # Only who gets no answer must run into the limit: on a busy machine an answer may take long.
        timeout_s = 0.3 if fault.startswith("silent") else 5.0
        seen.append(through(shared("--faults", fault), one, client, timeout_s=timeout_s))
    seen.append(through(f"http://127.0.0.1:{free_port()}", one, client))
    assert all(isinstance(failure, HttpCallFailed) and "\n" not in str(failure) for failure in seen)
    assert [failure.status for failure in seen] == [503, 429, 0, 0, 0]
    assert [failure.transient for failure in seen] == [True, False, True, False, True]


@pytest.mark.parametrize("client", POOLED)
def test_an_exhausted_pool_is_one_clear_error_in_time(
    shared: Callable[..., str], client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (http_client, __import__(f"{http_client.__name__}._pool", fromlist=["x"]),
                   __import__(f"{http_client.__name__}.pooled_aiohttp", fromlist=["x"])):  # fmt: skip
        monkeypatch.setattr(module, "POOL_WAIT_S", 0.2)

    async def three(generate: Generate, _: Counter[str]) -> Any:
        return await ask(generate, ["a", "b", "c"])

    seen = through(shared("--faults", "stall%1:600"), three, client, CallSettings(connections=1))
    failed = [item for item in seen if isinstance(item, HttpCallFailed)]
    assert len(failed) == 2 and {failure.answer for failure in failed} == {503}
    assert all("all 1 connections" in str(failure) and "--codegen-pool" in str(failure) for failure in failed)


@pytest.mark.parametrize("client", POOLED)
def test_a_host_that_is_not_reached_in_time_is_no_exhausted_pool(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's answers are lost: a listener whose queue is full drops what comes, as a firewall does."""
    monkeypatch.setattr(f"{http_client.__name__}.pooled_aiohttp.POOL_WAIT_S", 0.2)

    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            knock = waiting.enter_context(socket.socket())
            knock.setblocking(False)
            knock.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        failure = through(url, one, client, timeout_s=0.4)
    assert isinstance(failure, HttpCallFailed) and failure.transient and failure.fault_of_service
    assert "connections" not in str(failure)


def test_a_server_that_leaves_loses_no_call(tmp_path: Path) -> None:
    async def calls(generate: Generate, _: Counter[str]) -> Any:
        answers = []
        for start in range(0, 200, 20):
            answers += await ask(generate, [f"p{i}" for i in range(start, start + 20)])
        return answers, await stats(url)

    with generator(tmp_path, "--latency", "const-0", "--streams", "55") as url:
        answers, told = through(url, calls, "pooled_http2")
    assert answers == [right(f"p{i}", "python") for i in range(200)]
    assert 200 <= told["counts"]["requests"] <= 200 + 4 * 20  # each of 4 goodbyes costs at most what was under way


def test_a_connection_is_left_before_the_server_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooled_http2, "LEAVE_AFTER", 30)

    async def calls(generate: Generate, _: Counter[str]) -> Any:
        answers = [await ask(generate, [f"p{i}" for i in range(start, start + 20)]) for start in range(0, 200, 20)]
        return answers, await stats(url)

    with generator(tmp_path, "--latency", "const-0", "--streams", "55") as url:
        answers, told = through(url, calls, "pooled_http2")
    assert all(isinstance(answer, dict) for group in answers for answer in group)
    assert told["counts"]["requests"] == 200


def test_a_connection_that_is_left_is_closed_also_when_calls_come_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooled_http2, "LEAVE_AFTER", 3)

    async def calls(generate: Generate, _: Counter[str]) -> Any:
        answers = [await generate(CodeCall(f"p{i}", "python")) for i in range(11)]
        port = int(url.rpartition(":")[2])
        kept = [c for c in psutil.Process().net_connections() if c.raddr and c.raddr.port == port]
        return answers, [c.status for c in kept if c.status in (psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT)]

    with generator(tmp_path, "--latency", "const-0") as url:
        answers, kept = through(url, calls, "pooled_http2")
    assert answers == [right(f"p{i}", "python") for i in range(11)] and len(kept) == 1
