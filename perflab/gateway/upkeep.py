"""More small chores beside the audio path: blends, words, gains and rests; `housekeeping` says when they are done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

FRAMES_PER_LOOK = 8
LONGEST_S = 0.005
REST_S = 0.003
BLOCK = 65_536
WORD = 100  # bytes of text in a word: small enough for Python's own allocator
WORDS_LIMIT = 1 << 29


class Budget:
    """Seconds that a chore still may use, so that it takes a fixed share of what a clock counts."""

    def __init__(self, share: float, clock: Callable[[], float]) -> None:
        self._share, self._clock, self._start, self._used = share, clock, -1.0, 0.0

    def owed_s(self) -> float:
        """Return the seconds that are missing to the share since the first question."""
        if self._start < 0:
            self._start = self._clock()
        return (self._share * (self._clock() - self._start) - self._used) / (1 - self._share)

    def spend(self, seconds: float) -> None:
        """Count seconds as used."""
        self._used += seconds


class Blends:
    """Mixes blocks of silence in plain Python, for a fixed share of the process's CPU time."""

    def __init__(self, share: float) -> None:
        self._budget, self._frames, self.sum = Budget(share, time.process_time), 0, 0

    def blend_pages(self, pcm: bytes) -> None:
        """Work in blocks of fresh memory until the share is reached."""
        self._frames += 1
        if self._frames % FRAMES_PER_LOOK:
            return
        entered = time.thread_time()
        leave = entered + min(self._budget.owed_s(), LONGEST_S)
        while time.thread_time() < leave:
            blocks = [bytearray(BLOCK) for _ in range(8)]
            total = 0
            for block in blocks:
                for low, high in zip(block[0:256:2], pcm[1:256:2], strict=False):
                    total += low | (high << 8)
            self.sum = total
        self._budget.spend(time.thread_time() - entered)


class Words:
    """Keeps short words of what was said, each with the one before it, at so many bytes per second."""

    def __init__(self, bytes_per_s: float) -> None:
        self._rate, self._start_s, self._kept = bytes_per_s, time.monotonic(), 0
        self._last: tuple[Any, ...] = ()
        self._each = sys.getsizeof(((), b"")) + sys.getsizeof(bytes(WORD))

    def index_words(self, pcm: bytes) -> None:
        """Keep the words that are due."""
        due = int(min(self._rate * (time.monotonic() - self._start_s), WORDS_LIMIT)) - self._kept
        for _ in range(due // self._each):
            self._last = (self._last, bytes(WORD))
            self._kept += self._each


class Gains:
    """Shapes a table of gains by a power, for a fixed share of the process's CPU time."""

    def __init__(self, share: float) -> None:
        import numpy as np

        self._budget = Budget(share, time.process_time)
        self._table: Any = np.linspace(0.1, 1.0, 60_000)
        self.peak = 0.0

    def shape_gain(self, pcm: bytes) -> None:
        """Shape the table once when it is due."""
        if self._budget.owed_s() <= 0:
            return
        entered = time.thread_time()
        shaped = self._table**3.3
        self.take_peak(shaped)
        self._budget.spend(time.thread_time() - entered)

    def take_peak(self, shaped: Any) -> None:
        """Keep the last gain."""
        self.peak = float(shaped[-1])


class Rests:
    """Takes a rest of 3 ms now and then, for a fixed share of the time on the wall."""

    def __init__(self, share: float) -> None:
        self._share, self._start_s, self._rested_s = share, -1.0, 0.0

    def settle_frame(self, pcm: bytes) -> None:
        """Rest when one is due."""
        now = time.monotonic()
        if self._start_s < 0:
            self._start_s = now
        if self._share * (now - self._start_s) - self._rested_s >= REST_S:
            time.sleep(REST_S)
            self._rested_s += time.monotonic() - now
