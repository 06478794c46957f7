"""A small target for injected faults: ``python fault_target.py MODE [PORT]``; it stands alone, and binds its port."""

import os
import signal
import socket
import sys
import time


def mix(seed: int) -> int:
    """Work in plain Python."""
    total = seed
    for i in range(20000):
        total = (total * 31 + i) & 0xFFFFFFFF
    return total


def busy(seconds: float) -> None:
    """Use a core."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        mix(7)


def hold(seconds: float) -> None:
    """Sleep."""
    time.sleep(seconds)


def without_gil(seconds: float) -> None:
    """Use a core in native code that has released the GIL."""
    import hashlib

    block, end = bytes(50_000_000), time.monotonic() + seconds
    while time.monotonic() < end:
        hashlib.sha256(block)  # releases the GIL for large blocks


def keep(seconds: float) -> None:
    """Keep what is allocated."""
    kept: list[bytearray] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        kept.append(bytearray(100_000))
        mix(1)


def leave(code: int, after: float) -> None:
    """Work, say why, and exit with a code."""
    busy(after)
    print("about to leave: the configuration is wrong", flush=True)
    os._exit(code)


def deaf(seconds: float) -> None:
    """Ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    busy(seconds)


MODES = {
    "busy": lambda: busy(60),
    "idle": lambda: hold(60),
    "nogil": lambda: without_gil(60),
    "keep": lambda: keep(60),
    "exits": lambda: leave(3, 1.0),
    "deaf": lambda: deaf(60),
    "tiny": lambda: None,
}


def main() -> None:
    """Bind the port, say that it is ready, and do as the mode says."""
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if port:
        server = socket.create_server(("127.0.0.1", port))
        server.setblocking(False)
    print("ready", flush=True)
    MODES[sys.argv[1]]()


if __name__ == "__main__":
    main()
