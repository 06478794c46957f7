"""Who comes to an overloaded gateway is refused at the door, and those who are in are served to the end."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from websockets.exceptions import InvalidStatus

from perflab.gateway.flags import implementation
from perflab.gateway.standing_lag import AT_LEAST, EVERY_S, HIGH_S, LOW_S, PUNCTUAL, WINDOW_S, LoopWatch, StandingLag

from .processes import RunningGateway, World, gateway
from .voice_client import VoiceClient, open_client, tone

LAGS = st.floats(0, 3)


def fed(lags: list[float], lag: StandingLag | None = None, at_s: float = 0.0) -> tuple[StandingLag, float]:
    """Probe as a loop does: the next one is due EVERY_S after the last one ran."""
    lag = lag or StandingLag()
    for one in lags:
        at_s += EVERY_S + one
        lag.note(at_s, one)
    return lag, at_s


def overloaded(*lags: float) -> bool:
    return fed(list(lags))[0].overloaded


def test_an_idle_loop_is_not_overloaded_and_neither_is_one_that_was_never_looked_at() -> None:
    assert not StandingLag().overloaded and StandingLag().smallest_s == 0
    assert not overloaded(*[0.0002] * 500)


def test_a_loop_that_hangs_once_is_not_overloaded_however_long() -> None:
    assert not overloaded(*[0.0] * 50, 3.0, *[0.0] * 50)
    assert overloaded(*[0.0] * 50, 0.3, 0.3)  # looked at again, and late again


@given(st.lists(st.lists(LAGS, max_size=6), max_size=20))
def test_whoever_is_on_time_now_and_then_is_never_overloaded(bursts: list[list[float]]) -> None:
    lag, at_s = StandingLag(), 0.0
    for burst in bursts:
        began = at_s
        for one in burst:
            if at_s + EVERY_S + one - began >= WINDOW_S:
                break
            _, at_s = fed([one], lag, at_s)
            assert not lag.overloaded
        _, at_s = fed([HIGH_S], lag, at_s)
        assert not lag.overloaded


@given(st.lists(LAGS, max_size=50), st.floats(HIGH_S * 1.01, 3))
@example([], 0.2421875)
def test_whoever_is_late_for_a_window_is_overloaded_whatever_was_before(before: list[float], late: float) -> None:
    lag, at_s = fed(before)
    fed([late] * (AT_LEAST + int(WINDOW_S / late) + 1), lag, at_s)
    assert lag.overloaded


@given(st.lists(st.floats(LOW_S * 1.01, HIGH_S), max_size=100))
def test_between_the_two_limits_it_stays_what_it_was(between: list[float]) -> None:
    assert not overloaded(*between)
    lag, at_s = fed([0.5, 0.5])
    assert lag.overloaded
    assert fed(between, lag, at_s)[0].overloaded


def test_one_idle_moment_ends_no_overload_and_a_quarter_of_a_window_does() -> None:
    lag, at_s = fed([0.5, 0.5])
    _, at_s = fed([0.0] * (PUNCTUAL - 1), lag, at_s)
    assert lag.overloaded
    fed([0.0], lag, at_s)
    assert not lag.overloaded


def test_a_loop_that_is_kept_busy_is_found_overloaded_and_free_again_when_it_is() -> None:
    async def main() -> None:
        watch = LoopWatch()
        watch.begin()
        assert not watch.lag.overloaded
        async with asyncio.timeout(20):
            while not watch.lag.overloaded:
                time.sleep(3 * HIGH_S)
                await asyncio.sleep(0)
            while watch.lag.overloaded:
                await asyncio.sleep(EVERY_S)

    asyncio.run(main())


def test_the_gateway_asks_the_flag_and_counts_whom_it_refuses() -> None:
    from perflab.gateway.gateway import Gateway

    counted: list[int] = []
    shell: Any = SimpleNamespace(metrics=SimpleNamespace(refused=SimpleNamespace(inc=lambda: counted.append(1))))
    for value, late, refused in (("off", 9.0, False), ("by_lag", 0.0, False), ("by_lag", 9.0, True)):
        shell.admission = implementation("admission", value).build(CollectorRegistry())
        if value == "by_lag":
            fed([late] * 3, shell.admission.lag)
        assert Gateway.turns_away(shell) is refused
    assert counted == [1]


@pytest.fixture(scope="module", params=["fastapi", "picows"])
def running(request: pytest.FixtureRequest, outside: World) -> Iterator[RunningGateway]:
    flags = {"admission": "by_lag", "server": request.param, "store": "pooled"}
    with gateway(outside, f"admission-{request.param}", flags) as started:
        yield started


@contextmanager
def held_up(running: RunningGateway) -> Iterator[None]:
    """Let the gateway run for moments only, shorter than the time between two probes: each comes late."""
    over = threading.Event()

    def hold() -> None:
        while not over.is_set():
            running.popen.send_signal(signal.SIGSTOP)
            time.sleep(5 * HIGH_S)
            running.popen.send_signal(signal.SIGCONT)
            time.sleep(EVERY_S / 2)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        yield
    finally:
        over.set()
        holding.join()


def counted(running: RunningGateway, name: str) -> float:
    with urllib.request.urlopen(f"{running.api}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    return float(next(line.split()[-1] for line in page.splitlines() if line.startswith(name + " ")))


async def come_in(running: RunningGateway, session: int) -> InvalidStatus | None:
    """Come as a new client and start a session; return how it was refused."""
    try:
        async with open_client(running.voice_port, running.codec) as socket:
            await VoiceClient(socket, running.codec).start(session)
    except InvalidStatus as error:
        return error
    return None


async def until(holds: Any) -> Any:
    async with asyncio.timeout(60):
        while not (found := await holds()):
            await asyncio.sleep(0.02)
        return found


def test_while_the_loop_lags_new_clients_are_refused_and_the_one_who_is_in_is_answered(
    running: RunningGateway,
) -> None:
    async def main() -> None:
        await until(lambda: came_in(4))  # a gateway that has just started is late for a moment on a busy machine
        async with open_client(running.voice_port, running.codec) as socket:
            client = VoiceClient(socket, running.codec)
            await client.start(1)
            with held_up(running):
                refusal = await until(lambda: come_in(running, 2))
            assert refusal.response.status_code == 503
            assert refusal.response.headers["retry-after"] == "1"
            answer = await client.ask(1, tone(20, 220.0))
            assert answer.audio and not answer.interrupted
        await until(lambda: came_in(3))

    async def came_in(session: int) -> bool:
        return await come_in(running, session) is None

    asyncio.run(main())
    assert counted(running, "gateway_sessions_refused_total") >= 1
    assert counted(running, "gateway_session_errors_total") == 0
    assert counted(running, "gateway_standing_lag_seconds") >= 0
