"""The load file of the generator's self-check: each user sends voice-sized frames every 20 ms into a sink."""

from __future__ import annotations

from perflab.load.measured import MeasuredUser
from perflab.load.slots import Slot
from perflab.load.stream import FrameStream
from perflab.load.websocket import BINARY, WebSocket, encode_frame

INTERVAL_NS = 20_000_000
FRAME = encode_frame(BINARY, bytes(652))


class SinkStream(FrameStream):
    """The same frame, over and over."""

    def frame(self, number: int, due_ns: int) -> bytes:
        """Return the frame."""
        return FRAME


class SinkUser(MeasuredUser):
    """One stream for the length of its slot."""

    def live(self, slot: Slot) -> None:
        """Connect, stream, and leave."""
        socket = WebSocket.connect(self.generator.plan.endpoints["sink"])
        start_ns, end_ns = self.generator.at_ns(slot.start_s), self.generator.at_ns(slot.end_s)
        unit = self.generator.units.begin("turn", "stream", user=slot.number, seq=1, intended_ns=start_ns)
        unit.start_ns = max(start_ns, self.now_ns()) + INTERVAL_NS
        stream = SinkStream(self.generator, socket, unit.start_ns, INTERVAL_NS, end_ns)
        stream.ended.wait()
        unit.bytes_up = stream.next_frame * len(FRAME)
        unit.close("lost" if stream.broken else "ok")
        socket.close()
