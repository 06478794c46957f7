"""A client that goes away while its connection to Live is renewed: no connection is left, nothing is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from perflab.gateway.flags.coalesce import off
from perflab.gateway.flags.upstream import LiveRefused, LiveSetup
from perflab.gateway.session import line as line_module
from perflab.gateway.session.line import LiveLine


class Link:
    """A connection that speaks to its sink until it is closed, and whose sends wait for `Service.taken`."""

    def __init__(self, service: Service, sink: list[str]) -> None:
        self._service, self._sink = service, sink
        self.heard = b""
        self.closed = 0

    def send_audio(self, pcm: bytes) -> Awaitable[Any]:
        self.heard += pcm
        return self._service.taken.wait()

    def speak(self) -> None:
        if not self.closed:
            self._sink.append("a reply")

    async def close(self) -> None:
        self.closed += 1


class Service:
    """Accepts connections once `accepts` is set, except those it is told to refuse."""

    def __init__(self) -> None:
        self.accepts, self.taken = asyncio.Event(), asyncio.Event()
        self.accepts.set()
        self.refuses = False
        self.asked = 0
        self.links: list[Link] = []

    async def connect(self, setup: LiveSetup, sink: Any) -> Link:
        self.asked += 1
        if self.refuses:
            raise LiveRefused(503, "busy")
        await self.accepts.wait()
        self.links.append(Link(self, sink))
        return self.links[-1]

    async def close(self) -> None:
        pass


class Broken:
    """A line whose first connection is lost while the client speaks."""

    def __init__(self) -> None:
        self.service = Service()
        self.heard: list[str] = []
        setup = LiveSetup("m", "")
        self.line = LiveLine(self.service, setup, self.heard, off.build(), 1 << 20, "stream")  # type: ignore[arg-type]
        self.line.handle = "h"

    async def renewals(self, count: int = 1) -> list[asyncio.Task[bool]]:
        """Lose the connection; return the renewals, as far as they come by themselves."""
        self.line.lost()
        self.line.send_audio(b"\x01" * 640)
        self.line.send_audio(b"\x02" * 640)
        tasks = [asyncio.create_task(self.line.renew()) for _ in range(count)]
        for _ in range(5):
            await asyncio.sleep(0)
        return tasks

    def assert_over(self) -> None:
        """Nobody hears anything any more, and each later connection was closed, once."""
        later = self.service.links[1:]
        for link in later:
            link.speak()
        assert self.heard == []
        assert [link.closed for link in later] == [1] * len(later)
        assert self.line.send_audio(b"\x03" * 640) is None


def play(scene: Callable[[Broken], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20):  # only a defect waits
            there = Broken()
            await there.line.open()
            await scene(there)

    asyncio.run(whole())


@pytest.mark.parametrize("waiting", [1, 2])
def test_a_connection_that_comes_after_the_end_is_closed_and_told_nothing(waiting: int) -> None:
    async def scene(there: Broken) -> None:
        there.service.accepts.clear()
        tasks = await there.renewals(waiting)
        await there.line.close()
        there.service.accepts.set()
        assert await asyncio.gather(*tasks) == [False] * waiting  # and none counts as a renewal
        assert there.service.asked == 2  # a renewal that waits behind another does not even ask
        assert [link.heard for link in there.service.links[1:]] == [b""]
        there.assert_over()

    play(scene)


def test_a_connection_that_is_told_what_it_missed_is_closed_with_the_line() -> None:
    async def scene(there: Broken) -> None:
        tasks = await there.renewals()
        assert there.service.links[1].heard == b"\x01" * 640
        await there.line.close()
        there.assert_over()  # at once: it may be long until its socket takes the frame
        there.service.taken.set()
        await asyncio.gather(*tasks)
        assert there.service.links[1].heard == b"\x01" * 640
        there.assert_over()

    play(scene)


def test_the_wait_for_another_attempt_ends_with_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "RETRY_S", (3600.0, 3600.0))

    async def scene(there: Broken) -> None:
        there.service.refuses = True
        (renewal,) = await there.renewals()
        await there.line.close()
        with pytest.raises(LiveRefused):
            await renewal
        assert there.service.asked == 2
        there.assert_over()

    play(scene)


def test_a_closed_line_is_not_renewed() -> None:
    async def scene(there: Broken) -> None:
        await there.line.close()
        assert there.service.links[0].closed == 1
        assert await there.line.renew() is False
        assert there.service.asked == 1
        there.assert_over()

    play(scene)


def test_a_refused_attempt_is_repeated_after_its_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "RETRY_S", (0.0, 0.0))

    async def scene(there: Broken) -> None:
        there.service.refuses = True
        (renewal,) = await there.renewals(1)
        with pytest.raises(LiveRefused):
            await renewal
        assert there.service.asked == 1 + 3

    play(scene)
