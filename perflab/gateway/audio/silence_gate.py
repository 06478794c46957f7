"""Silence that nobody waits for does not go up: what decides a turn does.

Everything up to HOLD_FRAMES after a voiced frame is sent, so Live ends the turn itself; then sending pauses, which Live
is told (`audioStreamEnd`). When a voiced frame comes again, the last PRE_ROLL frames go up before it. Whole frames
are left out, so that a service which cuts its stream into windows of 20 ms still cuts at the same samples: the turns
and their bytes are the same as long as what is voiced to the service is voiced here (`stages.SPEECH_RMS`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Protocol

from perflab.gateway.flags.upstream import SILENCE_MS
from perflab.gateway.session.in_order import in_order
from perflab.wire.audio_format import FRAME_MS

HOLD_FRAMES = (SILENCE_MS + 200) // FRAME_MS  # past the service's silence, and past what a coalescer sends at once
PRE_ROLL = 5  # frames, 100 ms: a soft beginning of a word
Pending = Awaitable[None] | None


class Up(Protocol):
    """What the gate sends to: a session's line to Live."""

    def send_audio(self, pcm: bytes, last: bool = False) -> Pending:
        """Send a frame."""

    def pause_audio(self) -> Pending:
        """Say that no audio comes for a while."""


class SilenceGate:
    """One session's gate; whoever judges a frame sets `voiced` before the frame is sent."""

    def __init__(self, line: Up) -> None:
        self._line = line
        self.voiced = False
        self.suppressed = 0  # frames that did not go up
        self._left = 0  # frames that still go up
        self._held: deque[bytes] = deque(maxlen=PRE_ROLL)

    def send_audio(self, pcm: bytes, last: bool = False) -> Pending:
        """Send a frame, or keep it for the moment before speech."""
        if self.voiced or last:
            reopening, self._left = self._left == 0, HOLD_FRAMES
            return self._reopen(pcm, last) if reopening and self._held else self._line.send_audio(pcm, last)
        if self._left:
            self._left -= 1
            sent = self._line.send_audio(pcm)
            return sent if self._left else in_order([sent, self._line.pause_audio()])
        self.suppressed += len(self._held) == PRE_ROLL  # the oldest of them falls out
        self._held.append(pcm)
        return None

    def _reopen(self, pcm: bytes, last: bool) -> Pending:
        before = list(self._held)
        self._held.clear()
        return in_order([*(self._line.send_audio(frame) for frame in before), self._line.send_audio(pcm, last)])
