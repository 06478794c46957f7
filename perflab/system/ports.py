"""Ports for a trial: free ones are chosen, fixed ones are checked before anything starts."""

from __future__ import annotations

import re
import socket

from perflab.errors import SystemFailure
from perflab.system.spec import System

_PORT = re.compile(r"\{port:([a-z][a-z0-9_]*)\}")


def port_names(system: System) -> list[str]:
    """Return the names of all ports that the system's texts mention."""
    return sorted(set(_PORT.findall(system.model_dump_json())))


def choose_ports(system: System) -> dict[str, int]:
    """Return a port for every name; raises SystemFailure when a fixed one is taken.

    Free ports are found by binding port 0 and are then released, so another program can take one before the
    system does: the readiness probe then fails with the system's own message.
    """
    for name, port in system.ports.items():
        _require_free(name, port)
    names = [name for name in port_names(system) if name not in system.ports]
    sockets = [socket.socket() for _ in names]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        free = {name: sock.getsockname()[1] for name, sock in zip(names, sockets, strict=True)}
    finally:
        for sock in sockets:
            sock.close()
    return {**system.ports, **free}


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
