"""One turn of a session, from its first voiced window to the last chunk of its reply, and its row in the log."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.standins.live.voice import CHUNK_BYTES, Utterance
from perflab.wire.rowlog import RowLog

MARKS = ("rx_first", "last_voiced_rx", "end_detected", "tool_tx", "tool_rx", "first_tx", "last_tx", "think")


@dataclass(slots=True)
class Turn:
    """Times are CLOCK_MONOTONIC ns, 0 = did not happen; `think_ns` is a duration; bytes are PCM."""

    number: int
    kind: str  # speech or text
    digest: bytes
    bytes_up: int
    rx_first: int
    last_voiced_rx: int
    end_detected: int
    think_ns: int = 0
    tool_tx: int = 0
    tool_rx: int = 0
    first_tx: int = 0
    last_tx: int = 0
    tool_id: str = ""
    utterance: Utterance | None = None
    sent: int = 0  # chunks of the reply handed to the socket
    base_ns: int = 0  # chunk i is due at base_ns + i * chunk time
    stalled: bool = False

    def bytes_down(self) -> int:
        """Return the PCM bytes handed to the socket."""
        return self.sent * CHUNK_BYTES

    def write(self, log: RowLog, session: int, outcome: str) -> None:
        """Append the turn's `service` row: user = session, seq = turn, tag = speech, text or tool."""
        log.append(
            "service", "live", tag="tool" if self.tool_tx else self.kind, outcome=outcome, user=session,
            seq=self.number, bytes_up=self.bytes_up, bytes_down=self.bytes_down(), intended_ns=self.rx_first,
            start_ns=self.rx_first, first_ns=self.first_tx, end_ns=self.last_tx,
            marks=(self.rx_first, self.last_voiced_rx, self.end_detected, self.tool_tx, self.tool_rx,
                   self.first_tx, self.last_tx, self.think_ns),
        )  # fmt: skip
