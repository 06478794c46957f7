"""The program of one CPU hog; it imports nothing of perflab, so that it starts in milliseconds.

Run as ``python -I -S hog.py SECONDS ON_S OFF_S SEED``: busy and idle stretches of exponential length, or always busy
when OFF_S is 0. An alarm of the kernel ends it after SECONDS whatever it does.
"""

import random
import signal
import sys
import time

CHUNK = 4_000  # numbers added between two looks at the clock: about 0.1 ms
BLOCK = bytearray(1 << 20)  # copied once a chunk, so that neighbours lose cache as well as time


def burn(until: float) -> None:
    """Add numbers and copy memory until the monotonic clock reaches `until`."""
    while time.monotonic() < until:
        sum(range(CHUNK))
        bytes(BLOCK)


def main() -> None:
    """Burn and rest in turn until the time is over."""
    seconds, on_s, off_s, seed = float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    signal.setitimer(signal.ITIMER_REAL, seconds)  # SIGALRM, not handled, ends the process
    chance, end = random.Random(seed), time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        burn(min(end, now + (chance.expovariate(1 / on_s) if off_s else seconds)))
        if off_s:
            time.sleep(chance.expovariate(1 / off_s))


if __name__ == "__main__":
    main()
