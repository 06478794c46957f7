"""Which bit rate a link gets: a ladder, down fast when a queue builds, up slowly when it is clean."""

from __future__ import annotations

import math

from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.link_estimate import LinkEstimate
from perflab.errors import UsageError

LADDER = (8_000, 12_000, 16_000, 24_000, 32_000)  # bit/s of Opus; below 8,000 words are lost, above 32,000 nothing won
FEC_FROM = 24_000  # bit/s: below it libopus spends nothing on FEC
FEC_LOSS, LEAST_FEC_PERCENT, MOST_FEC_PERCENT = 0.03, 10, 25
OVERUSE_MS, CLEAN_MS = 60.0, 20.0  # of queueing delay: above it goes down, below it may go up
BAD_LOSS, CLEAN_LOSS = 0.10, 0.02
HOLD_MS, PATIENCE_MS, MOST_PATIENCE_MS = 500.0, 2_000.0, 32_000.0
SHARE = 0.85  # of the received rate that is asked for after overuse, so that the queue drains
LEAST_PACKETS = 25
HEADER_BYTES, PACKETS_PER_S = 40, 50  # IPv4, UDP and RTP


class BitRatePolicy:
    """Chooses the settings of one encoder from estimates of its link.

    Three rules, at most one change in 0.5 s. Overuse (queue above 60 ms): down to the highest rung that fits into 85 %
    of the rate received, at least one rung. Loss above 10 % without a queue: one rung down, but not below 24 kbit/s,
    because there FEC helps more than fewer bits do. Clean (queue below 20 ms, loss below 2 %) for 2 s: one rung up;
    the wait before a rung doubles each time that rung ends in overuse, up to 32 s, and is forgotten when the rung has
    been clean for as long. FEC is on from 24 kbit/s and 3 % loss on, for at least 10 %: for less libopus spends
    nothing. Weakness: a policer below 24 kbit/s that drops and never queues is not obeyed. Source: as LinkEstimator;
    the shape of its rules, on a ladder.
    """

    def __init__(self, rungs: tuple[int, ...] = LADDER, start: int = 16_000, header_bytes: int = HEADER_BYTES) -> None:
        if not rungs or list(rungs) != sorted(set(rungs)) or start not in rungs:
            raise UsageError(f"Rungs {rungs} starting at {start}", "rising bit rates, one of them the start")
        self._rungs, self._at, self._headers = rungs, rungs.index(start), 8 * header_bytes * PACKETS_PER_S
        self._changed_ms = self._clean_since_ms = -1.0
        self._waits_ms: dict[int, float] = {}  # before each rung that ended in overuse

    @property
    def bit_rate(self) -> int:
        """The rung that is used now, in bit/s."""
        return self._rungs[self._at]

    def decide(self, link: LinkEstimate, now_ms: float) -> Settings:
        """Return the encoder's settings from now on; call it a few times per second, with rising times."""
        if link.packets >= LEAST_PACKETS and (self._changed_ms < 0 or now_ms - self._changed_ms >= HOLD_MS):
            wanted = self._wanted(link, now_ms)
            if wanted != self._at:
                self._at, self._changed_ms = wanted, now_ms
        fec = self.bit_rate >= FEC_FROM and link.loss >= FEC_LOSS
        percent = min(max(round(100 * link.loss), LEAST_FEC_PERCENT), MOST_FEC_PERCENT) if fec else 0
        return Settings(bit_rate=self.bit_rate, fec=fec, loss_percent=percent)

    def _wanted(self, link: LinkEstimate, now_ms: float) -> int:
        if link.queue_ms > OVERUSE_MS:
            return self._down(link)
        if link.queue_ms >= CLEAN_MS or link.loss >= CLEAN_LOSS:
            self._clean_since_ms = -1.0
            floor = next((at for at, rate in enumerate(self._rungs) if rate >= FEC_FROM), len(self._rungs) - 1)
            return max(self._at - 1, min(floor, self._at)) if link.loss > BAD_LOSS else self._at
        if self._clean_since_ms < 0:
            self._clean_since_ms = now_ms
        clean_ms = now_ms - self._clean_since_ms
        if clean_ms >= self._waits_ms.get(self._at, math.inf):
            del self._waits_ms[self._at]
        if self._at + 1 == len(self._rungs) or clean_ms < self._waits_ms.get(self._at + 1, PATIENCE_MS):
            return self._at
        self._clean_since_ms = now_ms
        return self._at + 1

    def _down(self, link: LinkEstimate) -> int:
        self._clean_since_ms = -1.0
        self._waits_ms[self._at] = min(2 * self._waits_ms.get(self._at, PATIENCE_MS), MOST_PATIENCE_MS)
        fits = [at for at, rate in enumerate(self._rungs) if rate + self._headers <= SHARE * link.received_bit_s]
        return max(min(max(fits, default=0), self._at - 1), 0)
