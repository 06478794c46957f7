"""A stream of frames on absolute deadlines over a WebSocket: frame k is due at start + k * interval, always."""

from __future__ import annotations

import time

from gevent.event import Event

from perflab.load.generator import Generator
from perflab.load.websocket import WebSocket


class FrameStream:
    """Sends `frame(k, due_ns)` at each deadline; the pacer calls `fire`. Subclasses say what a frame is.

    `ended` is set when the stream is over: at `end_ns` (0 = open), when `frame` returns None, or when the connection
    broke (`broken`).
    """

    def __init__(
        self, generator: Generator, socket: WebSocket, start_ns: int, interval_ns: int, end_ns: int = 0
    ) -> None:  # fmt: skip
        self.generator, self.socket = generator, socket
        self.start_ns, self.interval_ns, self.end_ns, self.next_frame = start_ns, interval_ns, end_ns, 0
        self.ended, self.broken = Event(), False
        self._lateness = generator.lateness
        generator.pacer.add(start_ns, self)

    def frame(self, number: int, due_ns: int) -> bytes | None:
        """Return the wire bytes of a frame, or None to end the stream; must not wait."""
        raise NotImplementedError

    def sent(self, number: int, due_ns: int, at_ns: int) -> None:
        """Hear that a frame was handed to the kernel at `at_ns`."""

    def fire(self, due_ns: int) -> int:
        """Send what is due and return the next deadline; 0 ends the stream."""
        if self.end_ns and due_ns >= self.end_ns:
            return self.end()
        try:
            wire = self.frame(self.next_frame, due_ns)
            if wire is None or self.ended.is_set():
                return self.end()
            taken = self.socket.try_send(wire)
        except OSError:  # the connection is gone; its reader says how
            self.broken = True
            return self.end()
        now = time.monotonic_ns()
        if taken:
            self._lateness.record(now - due_ns)
            if self.socket.backlog_bytes:
                self._lateness.blocked += 1
            self.sent(self.next_frame, due_ns, now)
        else:
            self._lateness.miss()
        self.next_frame += 1
        return self.start_ns + self.next_frame * self.interval_ns

    def end(self) -> int:
        """End the stream: no frame is due any more."""
        self.ended.set()
        return 0

    def overdue(self, now_ns: int) -> int:
        """Return how many frames were due by `now_ns` and have not been sent."""
        until = min(now_ns, self.end_ns) if self.end_ns else now_ns
        return 0 if self.ended.is_set() else max(0, (until - self.start_ns) // self.interval_ns + 1 - self.next_frame)
