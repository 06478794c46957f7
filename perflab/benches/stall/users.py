"""Load file: open arrivals that ask one line each, and closed users who wait for their answer before they ask again."""

from __future__ import annotations

import socket
import time

from perflab.load.arrivals import Arrival
from perflab.load.measured import MeasuredUser
from perflab.load.slots import Slot
from perflab.load.unit_rows import Unit

PAUSE_S = 0.01


class StallUser(MeasuredUser):
    """Asks the echo server; its rows are of kind "request"."""

    def arrive(self, arrival: Arrival, unit: Unit) -> str:
        """Ask once on a connection of its own; the row counts from the moment that was due."""
        with self._connect() as line:
            return self._ask(line, arrival.user, 1, arrival.due_ns)

    def live(self, slot: Slot) -> None:
        """Ask, wait for the answer, pause, ask again: the loop that hides a stall, timed from its own sending."""
        end_ns, seq = self.generator.at_ns(slot.end_s), 0
        with self._connect() as line:
            while time.monotonic_ns() < end_ns:
                seq += 1
                self._ask(line, slot.number, seq, time.monotonic_ns())
                self.wait_until(time.monotonic_ns() + int(PAUSE_S * 1e9))

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", int(self.generator.plan.endpoints["echo"])), timeout=30)

    def _ask(self, line: socket.socket, user: int, seq: int, due_ns: int) -> str:
        row = self.generator.units.begin("request", "echo", user=user, seq=seq, intended_ns=due_ns)
        row.start_ns = time.monotonic_ns()
        line.sendall(b"%d:%d\n" % (user, seq))
        row.close("ok" if line.recv(64) else "lost")
        return row.outcome
