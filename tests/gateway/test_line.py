"""What Live hears over connections that break: the same bytes whether frames are gathered or not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.gateway.flags.coalesce import ms100, off
from perflab.gateway.flags.upstream import LiveSetup
from perflab.gateway.session.line import LiveLine

STEPS = st.lists(st.sampled_from(["frame", "frame", "frame", "silence", "answered", "break"]), max_size=60)


class Recorder:
    """One connection that keeps what it hears; with `slow`, each send has to be awaited."""

    def __init__(self, slow: bool) -> None:
        self.heard, self.slow, self.ends = b"", slow, -1

    def send_audio(self, pcm: bytes) -> Any:
        self.heard += pcm
        return asyncio.sleep(0) if self.slow else None

    def send_audio_end(self) -> None:
        self.ends = len(self.heard)

    async def close(self) -> None:
        pass


class Service:
    """Accepts every connection."""

    def __init__(self, slow: bool = False) -> None:
        self.links: list[Recorder] = []
        self.slow = slow

    async def connect(self, setup: LiveSetup, sink: Any) -> Recorder:
        self.links.append(Recorder(self.slow))
        return self.links[-1]

    async def close(self) -> None:
        pass


def line_to(service: Service, policy: Any, resume: Any) -> LiveLine:
    line = LiveLine(service, LiveSetup("m", ""), None, policy, 1 << 20, resume)  # type: ignore[arg-type]
    line.handle = "h"
    return line


async def play(steps: list[str], policy: Any, resume: Any) -> list[bytes]:
    service = Service()
    line = line_to(service, policy, resume)
    await line.open()
    for number, step in enumerate(steps):
        if step == "break":
            line.lost()
            await line.renew()
        elif step == "answered":
            line.answered()
        else:
            pcm = bytes(640) if step == "silence" else number.to_bytes(2, "little") * 320
            line.send_audio(pcm)
    line.lost()
    assert await line.renew()  # what is still held goes up first
    return [link.heard for link in service.links]


@given(steps=STEPS)
def test_a_stream_that_resumes_has_no_hole_and_no_double(steps: list[str]) -> None:
    plain = asyncio.run(play(steps, off.build(), "stream"))
    assert b"".join(asyncio.run(play(steps, ms100.build(), "stream"))) == b"".join(plain)


@given(steps=STEPS)
def test_a_turn_that_is_sent_again_is_whole(steps: list[str]) -> None:
    """A connection may hear a frame later than without gathering, but the sound of all of them together is the same."""
    plain = asyncio.run(play(steps, off.build(), "handle"))
    gathered = asyncio.run(play(steps, ms100.build(), "handle"))
    assert set(frames(b"".join(gathered))) == set(frames(b"".join(plain)))


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + 640] for at in range(0, len(pcm), 640) if pcm[at : at + 640].strip(b"\0")]


@pytest.mark.parametrize("build", [off.build, ms100.build])
def test_a_connection_that_breaks_while_it_is_told_what_it_missed_doubles_nothing(build: Any) -> None:
    async def run() -> list[bytes]:
        service = Service(slow=True)
        line = line_to(service, build(), "stream")
        await line.open()
        line.lost()
        for number in range(1, 9):
            line.send_audio(bytes([number]) * 640)
        first = asyncio.create_task(line.renew())
        for _ in range(4):
            await asyncio.sleep(0)
        line.lost()  # in the middle of telling
        await asyncio.gather(first, line.renew())
        return [link.heard for link in service.links]

    heard = asyncio.run(run())
    assert b"".join(heard) == b"".join(bytes([number]) * 640 for number in range(1, 9))
    assert len(heard) == 3 and 0 < len(heard[1]) < 8 * 640
