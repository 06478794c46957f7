"""Work in fixed proportions: per unit `mix` runs 12 times, `steep` 5 times, `rinse` 3 times the same loop length.

The true shares are not assumed: an unprofiled run measures them by thread CPU time (`--truth`).
"""

import time
from collections import Counter

SPENT: Counter[str] = Counter()
KEPT: list[bytearray] = []


def mix(seed: int) -> int:
    total = seed
    for i in range(4800):
        total = (total * 31 + i) & 0xFFFFFFFF
    return total


def steep(seed: int) -> int:
    total = seed
    for i in range(2000):
        total = (total * 17 + i) & 0xFFFFFFFF
    return total


def rinse(seed: int) -> int:
    total = 0
    for i in range(1200):
        total += len(str(seed + i))
    return total


def keep(size: int) -> None:
    KEPT.append(bytearray(size))


def block(seconds: float) -> None:
    time.sleep(seconds)


def unit(seed: int) -> None:
    mix(seed)
    steep(seed)
    rinse(seed)


def timed_unit(seed: int) -> None:
    for function in (mix, steep, rinse):
        began = time.thread_time()
        function(seed)
        SPENT[function.__name__] += time.thread_time() - began
