"""A stream of frames on absolute deadlines over a WebSocket: frame k is due at start + k * interval, always."""

from __future__ import annotations

import time

from perflab.load.generator import Generator
from perflab.load.websocket import WebSocket


class FrameStream:
    """Sends `frame(k, due_ns)` at each deadline; the pacer calls `fire`. Subclasses say what a frame is."""

    def __init__(self, generator: Generator, socket: WebSocket, start_ns: int, interval_ns: int) -> None:
        self.generator, self.socket = generator, socket
        self.start_ns, self.interval_ns, self.next_frame = start_ns, interval_ns, 0
        self.stopped = self.broken = False
        self._lateness = generator.lateness
        generator.pacer.add(start_ns, self)

    def frame(self, number: int, due_ns: int) -> bytes | None:
        """Return the wire bytes of a frame, or None to end the stream; must not wait."""
        raise NotImplementedError

    def sent(self, number: int, due_ns: int, at_ns: int) -> None:
        """Hear that a frame was handed to the kernel at `at_ns`."""

    def fire(self, due_ns: int) -> int:
        """Send what is due and return the next deadline; 0 ends the stream."""
        if self.stopped:
            return 0
        try:
            wire = self.frame(self.next_frame, due_ns)
            if wire is None:
                self.stopped = True
                return 0
            taken = self.socket.try_send(wire)
        except OSError:  # the connection is gone; its reader says how
            self.broken = self.stopped = True
            return 0
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

    def stop(self) -> None:
        """End the stream; frames overdue by more than an interval count as lost, unless the connection broke."""
        if not self.stopped:
            self.stopped = True
            overdue = (time.monotonic_ns() - self.start_ns) // self.interval_ns - self.next_frame
            if overdue > 0:
                self._lateness.miss(overdue)
