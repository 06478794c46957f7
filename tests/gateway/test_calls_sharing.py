"""Shared calls, batches, bulkheads and rates over the real stand-in."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from perflab.errors import UsageError
from perflab.gateway.calls import bulkhead, rate_limit
from perflab.gateway.calls.call import CallRefused, CallSettings, CodeCall, Generate
from perflab.gateway.flags.http_client import HttpCallFailed
from perflab.standins.codegen.answer import generate as right

from .generator import ask, generator, stats, through
from .processes import World, gateway
from .variants import LIGHT


def test_equal_prompts_at_the_same_time_share_one_call(tmp_path: Path) -> None:
    async def work(generate: Generate, counts: Counter[str]) -> Any:
        return await ask(generate, ["a", "a", "b", "a"]), await ask(generate, ["a"]), dict(counts), await stats(url)

    with generator(tmp_path, "--latency", "const-20") as url:
        together, later, counts, told = through(url, work, dedup="on")
    assert together == [right(prompt, "python") for prompt in "aaba"] and later == [right("a", "python")]
    assert counts == {"shared": 2} and told["counts"]["requests"] == 3


def test_a_caller_that_leaves_takes_nobody_along_and_the_last_one_ends_the_call() -> None:
    async def work() -> None:
        from perflab.gateway.calls.dedup import Shared

        running, ended, release = 0, 0, asyncio.Event()

        async def slow(call: CodeCall) -> dict[str, Any]:
            nonlocal running, ended
            running += 1
            try:
                await release.wait()
                return {"code": call.prompt}
            finally:
                ended += 1

        shared, call = Shared(slow), CodeCall("a", "python")
        first, second = (asyncio.create_task(shared(call)) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        assert (running, ended, first.cancelled(), second.done()) == (1, 0, True, False)
        second.cancel()
        await asyncio.sleep(0.01)
        assert (running, ended) == (1, 1)
        third = asyncio.create_task(shared(call))
        await asyncio.sleep(0.01)
        release.set()
        assert await third == {"code": "a"} and running == 2

    asyncio.run(work())


def test_a_shared_failure_is_told_to_those_who_wait_and_to_nobody_later(tmp_path: Path) -> None:
    async def work(generate: Generate, _: Counter[str]) -> Any:
        first = await ask(generate, ["a"] * 3)
        later, asked = first[:1], 1
        while any(isinstance(answer, HttpCallFailed) for answer in later):
            later, asked = await ask(generate, ["a"]), asked + 1
            await asyncio.sleep(0.05)
        return first, later, asked, (await stats(url))["counts"]["requests"]

    with generator(tmp_path, "--latency", "const-0", "--faults", "rest_503@0+1.5") as url:
        first, later, asked, reached = through(url, work, dedup="on")
    assert all(isinstance(answer, HttpCallFailed) for answer in first)
    assert later == [right("a", "python")]
    assert reached == asked  # the first three as one, then each for itself: nobody was told an earlier failure


def test_a_refusal_of_the_one_who_led_is_not_told_to_those_who_joined() -> None:
    async def work() -> tuple[list[Any], Counter[str], set[int]]:
        from perflab.gateway.calls.dedup import Shared

        async def one_is_over_its_rate(call: CodeCall) -> dict[str, Any]:
            await asyncio.sleep(0)
            if call.tenant == 1:
                raise CallRefused("session 1 calls too often", answer=429)
            reached.add(call.tenant)
            return {"code": call.prompt}

        counts: Counter[str] = Counter()
        reached: set[int] = set()
        shared = Shared(one_is_over_its_rate, lambda event: counts.update([event]))
        calls = [CodeCall("a", "python", tenant=tenant) for tenant in (1, 2, 3, 1)]
        return await asyncio.gather(*map(shared, calls), return_exceptions=True), counts, reached

    answers, counts, reached = asyncio.run(work())
    assert answers[1:3] == [{"code": "a"}] * 2 and reached == {2, 3}
    assert isinstance(answers[0], CallRefused) and isinstance(answers[3], CallRefused)
    assert counts == {"shared": 3, "refusal_not_shared": 3}


def test_a_batch_is_one_request_and_its_items_fail_alone(tmp_path: Path) -> None:
    async def work(generate: Generate, _: Counter[str]) -> Any:
        calls = [CodeCall(f"p{i}", "basic" if i == 3 else "go") for i in range(12)]
        return await asyncio.gather(*map(generate, calls), return_exceptions=True), await stats(url)

    with generator(tmp_path, "--latency", "const-0") as url:
        answers, told = through(url, work, batch="on")
    assert [a for i, a in enumerate(answers) if i != 3] == [right(f"p{i}", "go") for i in range(12) if i != 3]
    assert isinstance(answers[3], HttpCallFailed) and answers[3].status == 400
    assert (told["counts"]["calls"], told["counts"]["requests"]) == (1, 12)


def test_a_batch_is_bounded_and_a_lost_one_is_told_to_every_item(tmp_path: Path) -> None:
    async def work(generate: Generate, _: Counter[str]) -> Any:
        return await ask(generate, [f"{i}" + "ä" * 7000 for i in range(20)]), await stats(url)

    with generator(tmp_path, "--latency", "const-0") as url:
        answers, told = through(url, work, batch="on")
    assert answers == [right(f"{i}" + "ä" * 7000, "python") for i in range(20)] and told["counts"]["calls"] == 20
    with generator(tmp_path, "--latency", "const-0", "--faults", "reset%1") as url:
        answers, _ = through(url, work, batch="on")
    assert all(isinstance(answer, HttpCallFailed) and answer.transient for answer in answers)
    assert len({id(answer) for answer in answers}) == 20


def test_an_item_whose_caller_left_is_not_sent(tmp_path: Path) -> None:
    async def work(generate: Generate, _: Counter[str]) -> Any:
        stays, leaves = (asyncio.ensure_future(generate(CodeCall(p, "go"))) for p in "ab")
        await asyncio.sleep(0)
        leaves.cancel()
        return await stays, await stats(url)

    with generator(tmp_path, "--latency", "const-0") as url:
        answer, told = through(url, work, batch="on")
    assert answer == right("a", "go") and told["counts"]["requests"] == 1


def test_a_noisy_tenant_waits_for_itself_alone(tmp_path: Path) -> None:
    async def work(generate: Generate, counts: Counter[str]) -> Any:
        noise = asyncio.create_task(ask(generate, [f"n{i}" for i in range(60)], tenant=1))
        await asyncio.sleep(0.02)
        victim = await ask(generate, ["v"], tenant=2)
        ahead = noise.done()
        return victim, ahead, await noise

    settings = CallSettings(connections=4, share=2)
    with generator(tmp_path, "--latency", "const-0", "--faults", "stall%1:50") as url:
        victim, ahead, noise = through(url, work, settings=settings, bulkhead="on")
        _, ahead_without, _ = through(url, work, settings=settings)
    assert victim == [right("v", "python")] and not ahead
    refused = [answer for answer in noise if isinstance(answer, CallRefused)]
    assert len(refused) == 60 - settings.share - bulkhead.WAITING and {r.answer for r in refused} == {503}
    assert ahead_without  # in a common pool it waits behind all that came before it


def test_who_is_over_its_rate_waits_then_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "WAIT_S", 0.25)

    async def work(generate: Generate, counts: Counter[str]) -> Any:
        noisy, quiet = await asyncio.gather(
            ask(generate, [f"n{i}" for i in range(30)], tenant=1), ask(generate, ["v"], tenant=2)
        )
        return noisy, quiet, dict(counts)

    with generator(tmp_path, "--latency", "const-0") as url:
        noisy, quiet, counts = through(url, work, settings=CallSettings(per_s=10.0), rate_limit="on")
    refused = [answer for answer in noisy if isinstance(answer, CallRefused)]
    assert quiet == [right("v", "python")] and {r.answer for r in refused} == {429}
    assert 15 <= len(refused) == counts["refused_rate"] < 20  # ten at once, two or three after a wait


def test_rates_are_kept_for_so_many_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "TENANTS", 5)

    async def work() -> int:
        async def answer(call: CodeCall) -> dict[str, Any]:
            return {"code": ""}

        limited = rate_limit.Limited(answer, 10.0)
        for tenant in range(50):
            await limited(CodeCall("a", "go", tenant=tenant))
        return len(limited._buckets)

    assert asyncio.run(work()) == 5


@pytest.mark.parametrize("given", [{"connections": 0}, {"share": 0}, {"per_s": 0.0}, {"per_s": float("nan")}])
def test_bounds_that_bound_nothing_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        CallSettings(**given)


def test_the_gateway_with_every_part_answers_refuses_and_counts(outside: World) -> None:
    import httpx

    parts = {"dedup": "on", "rate_limit": "on", "bulkhead": "on", "retry": "jitter", "breaker": "on", "batch": "on"}
    flags = LIGHT | {**parts, "http_client": "pooled_aiohttp"}
    with gateway(outside, "calls", flags, "--codegen-rate", "1") as running, httpx.Client(timeout=20) as client:

        def post() -> httpx.Response:
            return client.post(f"{running.api}/api/code", json={"prompt": "a", "language": "go"})

        first, second, third = post(), post(), post()
        metrics = client.get(f"{running.api}/metrics").text
    assert first.status_code < 300 and first.json()["code"] == right("a", "go")["code"]
    assert {second.status_code, third.status_code} <= {first.status_code, 429}
    assert 'gateway_generator_calls_total{event="attempt"}' in metrics
