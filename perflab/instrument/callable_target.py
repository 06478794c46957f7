"""A Python callable as a process of its own: ``python -m perflab.instrument.callable_target package.module:function``.

It calls the function again and again until SIGTERM, and counts the calls with their times, so that a profile can say
what one call costs. Nothing but the standard library is imported: what is profiled is the function.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

ROW_EVERY_NS = 5_000_000
NOT_FOUND, RAISED = 64, 70  # exit codes after sysexits.h: usage, and an error inside the software


def find(name: str) -> Callable[..., Any]:
    """Import `package.module:function` (the function may be dotted); raises LookupError with one line."""
    module, _, path = name.partition(":")
    if not module or not path:
        raise LookupError(f"{name!r} is not package.module:function")
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{name!r}: {error}") from error
    if not callable(found):
        raise LookupError(f"{name!r} is a {type(found).__name__}, which cannot be called")
    return found  # type: ignore[no-any-return]


def call_until_stopped(function: Callable[..., Any], kwargs: dict[str, Any], units: int) -> None:
    """Call the function for ever, and write (time, calls so far) to the descriptor `units` every 5 ms at most."""
    row, count, written = struct.Struct("<qq"), 0, time.monotonic_ns()
    os.write(units, row.pack(written, 0))
    if inspect.iscoroutinefunction(function):
        import asyncio

        coroutine = function

        def function(**given: Any) -> Any:
            return asyncio.run(coroutine(**given))

    while True:
        function(**kwargs)
        count += 1
        if (now := time.monotonic_ns()) - written >= ROW_EVERY_NS:
            os.write(units, row.pack(now, count))
            written = now


def _stop(_signum: int, _frame: object) -> None:
    raise SystemExit(0)


def main(argv: list[str]) -> int:
    """Find the function, then call it until SIGTERM; 64 when it cannot be found, 70 when it raises."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--kwargs", default="{}")
    parser.add_argument("--units", default=os.devnull)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(argv)
    try:
        function = find(options.name)
    except LookupError as error:
        print(error, file=sys.stderr)
        return NOT_FOUND
    if options.check:
        return 0
    units = os.open(options.units, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    signal.signal(signal.SIGTERM, _stop)
    print("ready", flush=True)
    try:
        call_until_stopped(function, json.loads(options.kwargs), units)
    except Exception:  # whatever the function raises is told with its traceback
        import traceback

        traceback.print_exc()
        return RAISED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
