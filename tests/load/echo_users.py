"""Load file of the tests: users that ask an echo server, on absolute deadlines."""

from __future__ import annotations

import time

from perflab.load.arrivals import Arrival
from perflab.load.measured import MeasuredUser, PacedUser
from perflab.load.slots import Slot
from perflab.load.stream import FrameStream
from perflab.load.unit_rows import Unit
from perflab.load.websocket import BINARY, WebSocket, encode_frame


class EchoUser(PacedUser):
    """Sends its number and waits for it to come back, `rate` times a second."""

    def live(self, slot: Slot) -> None:
        self.rate_per_s = self.generator.plan.options.get("rate", 20.0)
        self.socket = WebSocket.connect(self.generator.plan.endpoints["echo"])
        super().live(slot)
        self.socket.close()

    def unit(self, user: int, seq: int, due_ns: int) -> None:
        unit = self.generator.units.begin("request", "echo", user=user, seq=seq, intended_ns=due_ns)
        self.ask(unit)

    def ask(self, unit: Unit) -> None:
        asked = b"%d:%d" % (unit.user, unit.seq)
        unit.start_ns = time.monotonic_ns()
        self.socket.send(BINARY, asked)
        answer = self.socket.receive()
        if answer is None:
            unit.close("lost")
            return
        unit.first_ns, unit.bytes_down = answer.first_ns, len(answer.data)
        unit.close("ok" if answer.data == asked else "error")

    def arrive(self, arrival: Arrival, unit: Unit) -> str:
        self.socket = WebSocket.connect(self.generator.plan.endpoints["echo"])
        row = self.generator.units.begin("request", "echo", user=arrival.user, seq=1, intended_ns=arrival.due_ns)
        self.ask(row)
        self.socket.close()
        return row.outcome


class TickStream(FrameStream):
    """Leaves a row for every frame, so that a test can look at the deadlines."""

    user = 0

    def frame(self, number: int, due_ns: int) -> bytes:
        return encode_frame(BINARY, b"tick")

    def sent(self, number: int, due_ns: int, at_ns: int) -> None:
        unit = self.generator.units.begin("turn", "tick", user=self.user, seq=number, intended_ns=due_ns)
        unit.start_ns = at_ns
        unit.close("ok", at_ns)


class TickUser(MeasuredUser):
    """One stream of frames every 20 ms."""

    def live(self, slot: Slot) -> None:
        socket = WebSocket.connect(self.generator.plan.endpoints["echo"])
        begin_ns, end_ns = time.monotonic_ns() + 20_000_000, self.generator.at_ns(slot.end_s)
        stream = TickStream(self.generator, socket, begin_ns, 20_000_000, end_ns)
        stream.user = slot.number
        stream.ended.wait()
        socket.close()


class FaultyUser(MeasuredUser):
    """A load file with a fault."""

    def live(self, slot: Slot) -> None:
        raise KeyError("no such thing")
