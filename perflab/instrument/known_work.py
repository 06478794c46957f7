"""Work whose amount is known: to plant an effect of exactly +2 % and see whether it is found."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat

ROUNDS = 10_000  # about 0.3 ms of pure Python


def known_work(share: float = 1.0, rounds: int = ROUNDS) -> Callable[[], float]:
    """Return work of `share` times `rounds` equal steps: 1.02 takes 2 % more CPU than 1.0, to a few parts in 10,000.

    Each step is the same multiplication and addition on one float (nothing is stored, no number grows), so time is
    proportional to the count; the call itself adds a fraction of a microsecond. Weakness: it needs no memory, so it
    feels neighbours that take cache or bandwidth less than a real system does.
    """
    count = round(rounds * share)

    def work() -> float:
        x = 1.0
        for _ in repeat(None, count):
            x = x * 0.9999999 + 0.5
        return x

    return work
