"""A session's line to Live: one connection at a time, renewed without the client noticing.

The speech of the turn that is not answered yet is kept. A connection that breaks in the middle of a turn then costs
that turn some time and nothing else: the next connection hears what the resumed session does not know, either what
was said during the break or the whole turn from its first voiced frame (`Resume`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable
from dataclasses import replace
from enum import Enum
from typing import Any

from perflab.gateway.flags.coalesce import Coalescer
from perflab.gateway.flags.upstream import LiveLink, LiveRefused, LiveSetup, LiveSink, ToolCall, Upstream
from perflab.gateway.session.in_order import in_order
from perflab.gateway.settings import Resume

log = logging.getLogger("perflab.gateway.live")
RETRY_S = (0.2, 0.5, 1.0)  # waits before further attempts; a person waits for a voice no longer than this
RENEWALS = 5  # connections that may be lost in one turn
SILENCE = bytes(640)


class Speech(Enum):
    """How far the client's current turn has come."""

    NONE = 0  # only digital silence so far
    UNANSWERED = 1  # speech is kept
    ANSWERED = 2  # some of the reply has reached the client


ANSWERED = Speech.ANSWERED


class LiveLine:
    """Sends audio to Live and keeps the connection up."""

    def __init__(
        self, upstream: Upstream, setup: LiveSetup, sink: LiveSink, coalescer: Coalescer, limit: int, resume: Resume
    ) -> None:
        self._coalescer = coalescer
        self._upstream, self._setup, self._sink, self._limit, self._resume = upstream, setup, sink, limit, resume
        self._link: LiveLink | None = None
        self._coming: LiveLink | None = None  # connected, and being told what it missed
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._renewals = 0
        self._losses = 0
        self._renewing = asyncio.Lock()
        self._closed = asyncio.Event()
        self._there = asyncio.Event()
        self.speech = Speech.NONE
        self.handle = ""
        self.leaving = False  # Live has said that it will close this connection

    async def open(self) -> None:
        """Connect; raises LiveRefused after the last attempt."""
        self._use(await self._connect())

    def send_audio(self, pcm: bytes, last: bool = False) -> Awaitable[None] | None:
        """Send one frame, hold it for the next message, or keep it until there is a connection again."""
        if self.speech is not ANSWERED:
            self._keep(pcm)
        if self._link is None:
            return None
        message = self._coalescer.push(pcm, last)
        return self._link.send_audio(message) if message is not None else None

    def pause_audio(self) -> Awaitable[None] | None:
        """Send what is gathered, then tell Live that no audio comes for a while."""
        if self._link is None:
            return None
        held = self._coalescer.drain()
        return in_order([self._link.send_audio(held) if held else None, self._link.send_audio_end()])

    async def send_tool_response(self, call: ToolCall, response: dict[str, Any]) -> None:
        """Answer a tool call, once there is a connection."""
        await self._there.wait()
        if self._link is not None:
            await self._link.send_tool_response(call, response)

    def begin_turn(self) -> None:
        """The client begins a turn: what was kept belongs to an older one."""
        self._forget(Speech.NONE)

    def answered(self) -> None:
        """The client has some of the reply: the turn can no longer be sent again."""
        self._forget(Speech.ANSWERED)

    def turn_done(self) -> None:
        """The current turn is over; frames that still carry its number are silence, or the next speech."""
        self._forget(Speech.NONE)
        self._renewals = 0

    @property
    def knows_the_turn(self) -> bool:
        """Whether a resumed session goes on in the middle of the turn, as if nothing had happened."""
        return self._resume == "stream"

    @property
    def can_renew(self) -> bool:
        """Whether there is a handle to resume with, and renewing has not failed over and over."""
        return bool(self.handle) and self._renewals < RENEWALS

    async def renew(self) -> bool:
        """Close the connection and resume it with the newest handle; raises LiveRefused after the last attempt.

        A line that was closed is not renewed; one that is closed meanwhile keeps no connection. Returns whether the
        session goes on over the new connection.
        """
        async with self._renewing:  # a connection may break while it is being told what it missed
            if self._closed.is_set():
                return False
            old = self._link
            self.lost()
            losses = self._losses
            self._renewals += 1
            if old is not None:
                await old.close()  # first: Live refuses to resume a session whose old connection is still open
            self._coming = await self._connect()
            await self._repeat(self._coming, losses)
            link, self._coming = self._coming, None
            if link is None:  # closed, and this connection with it
                return False
            if losses != self._losses:  # closed, or broken again: the renewal that waits behind this one goes on
                await link.close()
                return False
            self._use(link)
            self.leaving = False
            log.info("Live connection resumed")
            return True

    def lost(self) -> None:
        """The connection is gone: from here on speech is kept for the next one."""
        self._losses += 1
        held = self._coalescer.drain()  # Live has not heard it: it goes first on the next connection
        if self._link is not None and (self.knows_the_turn or self.speech is ANSWERED):
            self._kept, self._kept_bytes = [held] if held else [], len(held)
        self._link = None
        self._there.clear()

    async def close(self) -> None:
        """Close the connection for good, and the one that a renewal is about to hand over."""
        self._closed.set()
        links = self._link, self._coming
        self._coming = None
        self.lost()  # a renewal that still waits for its connection sees it, and closes that one
        for link in links:
            if link is not None:
                await link.close()

    async def _connect(self) -> LiveLink:
        for wait_s in (*RETRY_S, None):
            try:
                return await self._upstream.connect(replace(self._setup, handle=self.handle), self._sink)
            except LiveRefused as refused:
                if wait_s is None or not refused.passing or self._closed.is_set():
                    raise
                log.warning("%s; trying again", refused)
                if await self._closes_within(wait_s * random.uniform(0.8, 1.2)):
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _closes_within(self, wait_s: float) -> bool:
        """Wait; return whether the line was closed meanwhile, which ends the wait."""
        try:
            async with asyncio.timeout(wait_s):
                return await self._closed.wait()
        except TimeoutError:
            return False

    def _use(self, link: LiveLink) -> None:
        self._link = link
        self._coalescer.decide()  # the end of speech may have come during the break
        self._there.set()

    def _keep(self, pcm: bytes) -> None:
        if self.speech is Speech.NONE:
            if pcm == SILENCE or not pcm.strip(b"\0"):
                return
            self.speech = Speech.UNANSWERED
        self._kept.append(pcm)
        self._kept_bytes += len(pcm)
        if self._kept_bytes > self._limit:
            log.warning("over %d bytes of speech without an answer: no longer kept", self._limit)
            self._forget(Speech.ANSWERED)

    async def _repeat(self, link: LiveLink, losses: int) -> None:
        """Send what is kept; a session that knows what it heard must not hear it twice, should this break as well."""
        sent = 0
        while sent < len(self._kept) and losses == self._losses:  # grows while this waits: the client goes on speaking
            pcm = self._kept.pop(0) if self.knows_the_turn else self._kept[sent]
            sent += not self.knows_the_turn
            pending = link.send_audio(pcm)
            if pending is not None:
                await pending

    def _forget(self, speech: Speech) -> None:
        self._kept.clear()
        self._kept_bytes = 0
        self.speech = speech
