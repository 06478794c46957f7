"""Retries and the breaker against real failures of the real stand-in."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from perflab.gateway.calls import breaker, retry
from perflab.gateway.calls.batch import MOST, Batched
from perflab.gateway.calls.call import CallRefused, CallWorld, CodeCall, Generate
from perflab.gateway.calls.chain import plain_call
from perflab.gateway.flags.http_client import HttpCallFailed

from .generator import ask, generator, stats, through

FAST = ("--latency", "const-0")


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FIRST_WAIT_S", 0.01), ("LONGEST_WAIT_S", 0.05), ("JITTER_S", 0.01)):
        monkeypatch.setattr(retry, name, value)


def failed(answers: list[Any]) -> list[HttpCallFailed]:
    return [answer for answer in answers if isinstance(answer, HttpCallFailed)]


@pytest.mark.parametrize("fault", ["rest_503%1", "reset%1"])
def test_retries_are_bounded_and_counted(tmp_path: Path, brisk: None, fault: str) -> None:
    async def work(generate: Generate, counts: Counter[str]) -> Any:
        return await ask(generate, [f"p{i}" for i in range(5)]), dict(counts), await stats(url)

    with generator(tmp_path, *FAST, "--faults", fault) as url:
        answers, counts, told = through(url, work, retry="jitter")
    assert len(failed(answers)) == 5 and counts["attempt"] == 5 * retry.ATTEMPTS == told["counts"]["requests"]


@pytest.mark.parametrize(("fault", "timeout_s"), [("rest_429%1", 5.0), ("silent%1", 0.2)])
def test_what_another_try_cannot_help_is_not_tried_again(
    tmp_path: Path, brisk: None, fault: str, timeout_s: float
) -> None:
    async def work(generate: Generate, _: Counter[str]) -> Any:
        return await ask(generate, ["p"]), await stats(url)

    with generator(tmp_path, *FAST, "--faults", fault) as url:
        answers, told = through(url, work, retry="jitter", timeout_s=timeout_s)
    assert len(failed(answers)) == 1 and told["counts"]["requests"] == 1


def test_retries_answer_what_fails_now_and_then(tmp_path: Path, brisk: None) -> None:
    async def work(generate: Generate, counts: Counter[str]) -> Any:
        return await ask(generate, [f"p{i}" for i in range(60)]), dict(counts)

    with generator(tmp_path, *FAST, "--faults", "rest_503%0.3", "--seed", "3") as url:
        without, _ = through(url, work)
        answers, counts = through(url, work, retry="jitter")
    assert len(failed(without)) > 8 > 2 * len(failed(answers)) and 60 < counts["attempt"] < 120


def test_the_breaker_opens_tries_one_and_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "OPEN_S", 0.3)

    async def work(generate: Generate, counts: Counter[str]) -> Any:
        while not failed(await ask(generate, ["wait for the outage"])):
            await asyncio.sleep(0.01)
        for _ in range(8):
            await ask(generate, ["p"])
        reached = (await stats(url))["counts"]["status_503"]
        opened = await ask(generate, ["q"] * 10)
        still = (await stats(url))["counts"]["status_503"]
        states = []
        for _ in range(200):
            answers = await ask(generate, ["r"] * 4)
            states.append(len(failed(answers)))
            if not states[-1]:
                break
            await asyncio.sleep(0.02)
        return reached, opened, still, states, dict(counts)

    with generator(tmp_path, *FAST, "--faults", "rest_503@0.2+2") as url:
        reached, opened, still, states, counts = through(url, work, breaker="on")
    assert reached == still == breaker.FAILURES
    assert {type(answer) for answer in opened} == {CallRefused} and {answer.answer for answer in opened} == {503}
    assert states[-1] == 0 and 3 in states  # half open: one of four goes through and closes it
    assert counts["opened"] >= 2 and counts["half-opened" if "half-opened" in counts else "closed"] == 1


def test_four_hundreds_and_full_pools_open_no_breaker() -> None:
    async def work() -> list[str]:
        async def refused(call: CodeCall) -> dict[str, Any]:
            raise HttpCallFailed("no", status=429) if call.prompt == "a" else HttpCallFailed("full", answer=503)

        around = breaker.Broken(refused)
        for prompt in 10 * ["a", "b"]:
            with pytest.raises(HttpCallFailed):
                await around(CodeCall(prompt, "python"))
        return [around.state]

    assert asyncio.run(work()) == ["closed"]


@pytest.mark.parametrize("late", ["answer", "failure"])
def test_what_was_sent_before_the_opening_does_not_end_the_rest(monkeypatch: pytest.MonkeyPatch, late: str) -> None:
    monkeypatch.setattr(breaker, "OPEN_S", 0.0)

    async def work() -> tuple[str, str]:
        old, probe = asyncio.Event(), asyncio.Event()

        async def inner(call: CodeCall) -> dict[str, Any]:
            if call.prompt == "fails" or (call.prompt == "old" and await old.wait() and late == "failure"):
                raise HttpCallFailed("no", status=503)
            if call.prompt == "probe":
                await probe.wait()
            return {}

        around = breaker.Broken(inner)
        slow = asyncio.create_task(around(CodeCall("old", "python")))
        await asyncio.sleep(0)
        for _ in range(breaker.FAILURES):
            with pytest.raises(HttpCallFailed):
                await around(CodeCall("fails", "python"))
        await asyncio.sleep(0.001)  # the clock goes on
        tried = asyncio.create_task(around(CodeCall("probe", "python")))
        await asyncio.sleep(0)
        old.set()
        await asyncio.gather(slow, return_exceptions=True)
        meanwhile = around.state
        probe.set()
        await tried
        return meanwhile, around.state

    assert asyncio.run(work()) == ("half-opened", "closed")


def test_a_lost_batch_is_one_failure_to_the_breaker() -> None:
    class Lost:
        async def post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
            raise HttpCallFailed("connection lost", transient=True)

        async def close(self) -> None:
            """Nothing is open."""

    async def work() -> list[str]:
        world = CallWorld(Lost(), "http://nowhere")
        generate = breaker.Broken(Batched(plain_call(world), world))
        states = []
        for _ in range(breaker.FAILURES):
            states.append(generate.state)
            assert all(type(item) is HttpCallFailed for item in await ask(generate, ["a"] * MOST))
        return [*states, generate.state]

    assert asyncio.run(work()) == ["closed"] * breaker.FAILURES + ["opened"]


def test_an_open_breaker_ends_retries(tmp_path: Path, brisk: None) -> None:
    async def work(generate: Generate, counts: Counter[str]) -> Any:
        return await ask(generate, [f"p{i}" for i in range(20)]), dict(counts), await stats(url)

    with generator(tmp_path, *FAST, "--faults", "rest_503%1") as url:
        answers, counts, told = through(url, work, retry="jitter", breaker="on")
    assert len(failed(answers)) == 20 and counts["opened"] == 1
    assert told["counts"]["requests"] <= 20 < 20 * retry.ATTEMPTS  # what had left before the fifth failure came back
