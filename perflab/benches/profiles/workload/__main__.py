"""``python -m workload [--mode mixed|operator|blend] [--truth UNITS] [--seconds S]``: work until told to stop."""

import argparse
import json
import signal
import time

from workload.work import MODES, shares


def main() -> None:
    """Run units of work until SIGTERM or the time is over; with ``--truth`` print the true shares of CPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="mixed", choices=MODES)
    parser.add_argument("--truth", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=120.0)
    options = parser.parse_args()
    if options.truth:
        print(json.dumps(shares(options.mode, options.truth)))
        return
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    unit, end = MODES[options.mode], time.monotonic() + options.seconds
    while not stopped and time.monotonic() < end:
        for function in unit:
            function()


if __name__ == "__main__":
    main()
