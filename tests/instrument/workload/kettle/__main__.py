"""python -m kettle [--rate UNITS_PER_S] [--leak BYTES_PER_S] [--block MS] [--truth UNITS] [--seconds S]."""

import argparse
import asyncio
import json
import signal
import time

from kettle.work import SPENT, block, keep, timed_unit, unit


async def serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    began, count = time.monotonic(), 0
    while not stop.is_set() and time.monotonic() - began < options.seconds:
        if options.rate:
            unit(count)
            if options.leak:
                keep(round(options.leak / options.rate))
        if options.block:
            block(options.block / 1000)
        count += 1
        due = began + count / (options.rate or 20)
        await asyncio.sleep(max(0.001, due - time.monotonic()))
    print(json.dumps({"units": count, "cpu_s": time.process_time()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("rate", 0.0), ("leak", 0.0), ("block", 0.0), ("seconds", 600.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--truth", type=int, default=0)
    options = parser.parse_args()
    if options.truth:
        for seed in range(options.truth):
            timed_unit(seed)
        print(json.dumps({name: spent / sum(SPENT.values()) for name, spent in SPENT.items()}))
        return
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
