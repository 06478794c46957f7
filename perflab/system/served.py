"""Whether the endpoints are served by the processes that perflab started: all figures are of those processes."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from perflab.errors import SystemFailure
from perflab.system.process import ManagedProcess

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LATE_S = 5.0  # a process may be ready a moment before the last of its ports is open
LOOK_EVERY_S = 0.05
# Of Linux: the tables of sockets, and the state in which a row waits for whoever comes (TCP listens, UDP is bound).
TABLES = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
DEFAULT_PORT = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SOCKET = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True)
class Place:
    """Where an endpoint is: its port and the addresses of its host, each with whether this machine has it."""

    text: str
    port: int
    addresses: tuple[tuple[Address, bool], ...]


@dataclass(frozen=True)
class Listener:
    """A socket that one of the processes listens on; `here`: in the network of perflab itself, not one of its own."""

    address: Address
    port: int
    here: bool


def require_served(
    endpoints: Mapping[str, str], processes: Sequence[ManagedProcess], timeout_s: float = LATE_S
) -> None:
    """Raise SystemFailure where an endpoint is answered by none of the processes or their children.

    What only speaks to the server (docker, ssh, a build daemon's client, a dummy beside another host) would pass its
    own CPU and memory off as the server's: "0 % of a core, meets". Who listens is read from Linux' tables of sockets
    and each process's open files, for IPv4 and IPv6, wildcards, children, and processes in a network of their own.
    Where that cannot be told (no Linux, no such tables, a process whose files may not be read) nothing is raised, nor
    for an endpoint that is no host and port. Weakness: a process that passes everything on (a proxy, a port forward)
    listens itself, and is taken for the server.
    """
    if not sys.platform.startswith("linux"):
        return
    deadline = time.monotonic() + timeout_s
    asked = {name: place for name, text in endpoints.items() if (place := place_of(text))}
    while True:
        listeners, hidden = listeners_of(processes)
        missing = [name for name, place in asked.items() if not any(serves(each, place) for each in listeners)]
        if not missing or hidden:
            return
        for process in processes:
            process.check_alive()
        if time.monotonic() > deadline:
            break
        time.sleep(LOOK_EVERY_S)
    if _tables_tell():
        raise SystemFailure(
            f"Endpoint {missing[0]} ({asked[missing[0]].text}) is served by no process that perflab started",
            "CPU, memory and profiles are of the processes that perflab starts on this machine",
            "Let `command` start the server itself, in the foreground (no docker, ssh, daemon or other host), and the "
            "endpoint name the port that it was given",
        )


def place_of(text: str) -> Place | None:
    """Return where an endpoint is, or None for one without a host and a port; a host without address has no place."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port = parts.port or DEFAULT_PORT.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or not port:
        return None
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_DGRAM)
    except OSError:
        found = []
    known = {sockaddr[0]: _is_here(family, sockaddr) for family, _, _, _, sockaddr in found}
    addresses = tuple((_plain(str(host).partition("%")[0]), here) for host, here in known.items())
    return Place(f"{parts.hostname}:{port}", port, addresses)


def serves(listener: Listener, place: Place) -> bool:
    """Say whether what comes to a place arrives at a listener.

    In a network of its own a process cannot be reached by an address of this machine.
    """
    return listener.port == place.port and any(
        here is listener.here and (listener.address == asked or _is_wildcard_for(listener.address, asked))
        for asked, here in place.addresses
    )


def listeners_of(processes: Sequence[ManagedProcess]) -> tuple[list[Listener], bool]:
    """Return the sockets on which processes and their descendants listen, and whether one may not be looked into."""
    hidden = False
    sockets: dict[int, tuple[int, set[int]]] = {}  # by network namespace: a process in it, inodes of its sockets
    for pid in (pid for process in processes for pid in process.family()):
        try:
            inside = sockets.setdefault(os.stat(f"/proc/{pid}/ns/net").st_ino, (pid, set()))
            inside[1].update(_sockets(pid))
        except PermissionError:
            hidden = True
        except OSError:  # it has ended
            continue
    own = os.stat("/proc/self/ns/net").st_ino if sockets else 0
    found = [
        Listener(address, port, namespace == own)
        for namespace, (pid, inodes) in sockets.items()
        for address, port, inode in _waiting(pid)
        if inode in inodes
    ]
    return found, hidden


def _sockets(pid: int) -> Iterator[int]:
    """Yield the inodes of the sockets that a process has open; threads share them."""
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            match = _SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
        except FileNotFoundError:  # closed meanwhile
            continue
        if match:
            yield int(match[1])


def _waiting(pid: int | str) -> Iterator[tuple[Address, int, int]]:
    """Yield (address, port, inode) of all sockets that wait for a peer in the network of a process."""
    for table, state in TABLES.items():
        try:
            with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
                next(lines, "")
                for line in lines:
                    words = line.split()
                    if words[3] == state:
                        address, port = words[1].split(":")
                        yield _address(address), int(port, 16), int(words[9])
        except OSError:  # no IPv6, or the process has ended
            continue


def _address(text: str) -> Address:
    """Read an address as the kernel prints it: 32-bit words in the machine's own order, in hexadecimal."""
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    return _plain(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))


def _plain(address: str | Address) -> Address:
    """Return an address, an IPv4 one that is written as IPv6 (as Java does) as what it is."""
    found = ipaddress.ip_address(address)
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def _is_wildcard_for(listening: Address, asked: Address) -> bool:
    """Say whether a socket listens on all addresses of the asked one's kind; one for IPv6 may take IPv4 as well."""
    return listening.is_unspecified and (listening.version == 6 or asked.version == 4)


def _is_here(family: int, sockaddr: tuple[object, ...]) -> bool:
    """Say whether this machine has an address: only then a socket can be bound to it."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((sockaddr[0], 0, *sockaddr[2:]))
        return True
    except OSError:
        return False


def _tables_tell() -> bool:
    """Say whether the tables show a listener that is surely there: not every sandbox fills them."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        inode = os.fstat(sock.fileno()).st_ino
        return any(found == inode for _, _, found in _waiting("self"))
