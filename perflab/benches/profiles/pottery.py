"""A workload with planted functions for the differential bars: python -m perflab.benches.profiles.pottery FILE [...].

A unit of work calls ten functions, each a loop of its own; `--glaze` is the number of rounds of the one that may be
planted. The counter of finished units lies in FILE, eight bytes that another process may read at any moment.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mmap
import struct
import time
from pathlib import Path

COUNT = struct.Struct("<q")
GLAZE_ROUNDS = 500


def dig(rounds: int, seed: int) -> int:
    """Burn CPU in a loop of this function's own, as each of the next eight."""
    for i in range(rounds):
        seed = (seed * 31 + i) & 0xFFFFFFFF
    return seed


def wedge(rounds: int, seed: int) -> int:
    """Burn CPU."""
    for i in range(rounds):
        seed = (seed * 17 + i) & 0xFFFFFFFF
    return seed


def throw(rounds: int, seed: int) -> int:
    """Burn CPU."""
    for i in range(rounds):
        seed = (seed ^ i) + 7 & 0xFFFFFFFF
    return seed


def trim(rounds: int, seed: int) -> int:
    """Burn CPU."""
    for i in range(rounds):
        seed = (seed + i * 3) & 0xFFFFFFFF
    return seed


def dry(rounds: int, seed: int) -> int:
    """Burn CPU."""
    for i in range(rounds):
        seed = (seed * 5 ^ i) & 0xFFFFFFFF
    return seed


def glaze(rounds: int, seed: int) -> int:
    """Burn CPU: the function whose rounds are planted."""
    for i in range(rounds):
        seed = (seed * 13 + i) & 0xFFFFFFFF
    return seed


def fire(rounds: int, seed: int) -> int:
    """Burn CPU."""
    for i in range(rounds):
        seed = (seed * 3 + i) & 0xFFFFFFFF
    return seed


def cool(rounds: int, seed: int) -> int:
    """Burn CPU."""
    for i in range(rounds):
        seed = (seed - i) & 0xFFFFFFFF
    return seed


def mark(rounds: int, seed: int) -> int:
    """Burn CPU in calls of the language's own functions."""
    for i in range(rounds):
        seed += len(str(seed ^ i))
    return seed


def pack(seed: int) -> int:
    """Burn CPU in the standard library."""
    return len(json.dumps({"kiln": seed, "shelf": [seed & 7, seed & 15], "cone": str(seed)}))


def unit(seed: int, rounds: int) -> int:
    """Do one unit of work: about 100 us."""
    seed = dig(150, wedge(120, throw(100, trim(80, dry(60, seed)))))
    return pack(mark(25, cool(40, fire(200, glaze(rounds, seed)))))


async def serve(path: Path, rounds: int, seconds: float) -> None:
    """Work until `seconds` have passed, a turn of the event loop for each unit."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), COUNT.size) as counter:
        print("ready", flush=True)
        until, done = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            unit(done, rounds)
            done += 1
            COUNT.pack_into(counter, 0, done)
            await asyncio.sleep(0)


def glaze_us(units: int = 200, repeats: int = 15) -> float:
    """Return the CPU microseconds of one round of `glaze` inside a unit, without a profiler.

    The median over `repeats` of what units with twice the rounds cost more than units with the usual ones.
    """
    more = []
    for _ in range(repeats):
        cost = []
        for rounds in (GLAZE_ROUNDS, 2 * GLAZE_ROUNDS):
            began = time.thread_time()
            for seed in range(units):
                unit(seed, rounds)
            cost.append(1e6 * (time.thread_time() - began) / units)
        more.append((cost[1] - cost[0]) / GLAZE_ROUNDS)
    return sorted(more)[repeats // 2]


def main() -> None:
    """Serve, or print the cost of a round."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--glaze", type=int, default=GLAZE_ROUNDS)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.file is None:
        print(glaze_us())
        return
    asyncio.run(serve(options.file, options.glaze, options.seconds))


if __name__ == "__main__":
    main()
