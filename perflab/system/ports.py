"""Ports for a trial: free ones are chosen, fixed ones are checked before anything starts."""

from __future__ import annotations

import itertools
import os
import random
import re
import socket
import threading
import time

from perflab.errors import SystemFailure
from perflab.system.spec import System

_LOCK = threading.Lock()
_CANDIDATES = itertools.chain.from_iterable(
    random.Random(os.getpid() * 1_000_003 + time.time_ns() % 1_000_003).sample(range(15000, 32000), 17000)
    for _ in itertools.count()
)
_PORT = re.compile(r"\{port:([a-z][a-z0-9_]*)\}")


def port_names(system: System) -> list[str]:
    """Return the names of all ports that the system's texts mention."""
    return sorted(set(_PORT.findall(system.model_dump_json())))


def choose_ports(system: System) -> dict[str, int]:
    """Return a port for every name; raises SystemFailure when a fixed one is taken.

    Free ports come from below the range that the kernel gives to outgoing connections, and none is given twice by
    this process: between the choice and the system's own bind nobody takes them by chance, not even the variants
    that start side by side.
    """
    for name, port in system.ports.items():
        _require_free(name, port)
    names = [name for name in port_names(system) if name not in system.ports]
    return {**system.ports, **{name: free_port() for name in names}}


def free_port() -> int:
    """Return a free port of the loopback that this process has not given before; raises SystemFailure."""
    with _LOCK:
        for port in _CANDIDATES:
            with socket.socket() as sock:
                try:
                    sock.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port
    raise SystemFailure("No free port between 15000 and 32000", "", "End what holds them, or fix ports in the file")


def _require_free(name: str, port: int) -> None:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            raise SystemFailure(
                f"Port {port} ({name}) is taken: {error.strerror}",
                "",
                f"Stop what listens there, or remove ports.{name} to let perflab choose",
            ) from None
