"""What a link does to packets, estimated from those that it carried: loss, queueing delay, received rate."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from perflab.errors import UsageError

LOSS_PACKETS, BASE_PACKETS, QUEUE_PACKETS = 100, 1_500, 5  # 2 s, 30 s and 0.1 s of 20 ms packets
RATE_WINDOW_MS = 1_000.0


@dataclass(frozen=True)
class LinkEstimate:
    """`loss`: share of packets lost; `queue_ms`: delay above the least seen; `received_bit_s`: with headers.

    `received_bit_s` is over the last second, or over the time since the first packet where that is shorter.
    """

    loss: float
    queue_ms: float
    received_bit_s: float
    packets: int


class LinkEstimator:
    """Watches one direction of one link, packet by packet.

    The queueing delay is the median of the last 5 delays less the least of the last 30 s: only differences count, so
    that the clocks of the two ends may differ by any constant. Why the queue and not the loss alone: a full buffer
    delays for seconds before it drops (bufferbloat). Weakness: clocks that drift apart by 100 ppm add 3 ms in 30 s,
    and a queue that never empties within 30 s becomes the base. Source: Carlucci, De Cicco, Holmer and Mascolo,
    Analysis and design of the Google congestion control for WebRTC (MMSys 2016), of which this is the simplest kin.
    """

    def __init__(self) -> None:
        self._lost: deque[bool] = deque(maxlen=LOSS_PACKETS)
        self._delays: deque[float] = deque(maxlen=BASE_PACKETS)
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=BASE_PACKETS)
        self._packets = 0
        self._first_ms: float | None = None  # when the first packet arrived

    def packet(self, sent_ms: float, arrived_ms: float | None, size_bytes: int) -> None:
        """Take notice of one packet with its headers; `arrived_ms` None: it is lost.

        Raises UsageError for times that are no numbers and for a size below zero.
        """
        if size_bytes < 0 or not math.isfinite(sent_ms) or not math.isfinite(0.0 if arrived_ms is None else arrived_ms):
            raise UsageError(f"A packet of {size_bytes} bytes sent at {sent_ms} ms, arrived at {arrived_ms} ms",
                             "finite times and at least 0 bytes")  # fmt: skip
        self._packets += 1
        self._lost.append(arrived_ms is None)
        if arrived_ms is not None:
            self._first_ms = arrived_ms if self._first_ms is None else self._first_ms
            self._delays.append(arrived_ms - sent_ms)
            self._arrivals.append((arrived_ms, size_bytes))

    def estimate(self, now_ms: float) -> LinkEstimate:
        """Return the estimate at `now_ms` of the receiver's clock; all zero before the first packet."""
        loss = sum(self._lost) / len(self._lost) if self._lost else 0.0
        latest = sorted(list(self._delays)[-QUEUE_PACKETS:])
        queue = latest[len(latest) // 2] - min(self._delays) if latest else 0.0
        return LinkEstimate(loss, queue, self._received_bit_s(now_ms), self._packets)

    def _received_bit_s(self, now_ms: float) -> float:
        """Count what came after the window's begin: the packet that opens a window that is not full ends no interval.

        Divided by a whole second, a link half a second old would seem to carry half of what it does.
        """
        window_ms = min(RATE_WINDOW_MS, now_ms - (now_ms if self._first_ms is None else self._first_ms))
        if window_ms <= 0:
            return 0.0
        return 8e3 * sum(size for at, size in self._arrivals if now_ms - window_ms < at <= now_ms) / window_ms
