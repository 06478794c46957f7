"""Who talks to whom: read from the ports and servers that the texts of a system's file name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from perflab.system.spec import System
from perflab.system.tables.processes import Process

GENERATOR = "load generator"
_PORT = re.compile(r"\{port:([^}]*)\}")
_SERVER = re.compile(r"\{server:([^}]*)\}")
Role = Literal["generator", "system", "standin", "server"]


@dataclass(frozen=True)
class Node:
    """A process, a server, or the load generator; `optional`: only some variants start it."""

    name: str
    role: Role
    optional: bool = False


@dataclass(frozen=True)
class Topology:
    """Nodes in the order of the file, and edges (from, to, over what): from opens the connection."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str, str], ...]

    @property
    def sentence(self) -> str:
        """The same in words."""
        kinds = {"system": "measured", "standin": "stand-ins", "server": "servers"}
        named = {role: [n.name for n in self.nodes if n.role == role] for role in kinds}
        parts = [f"{word}: {', '.join(named[role])}" for role, word in kinds.items() if named[role]]
        calls = ", ".join(f"{a} to {b}{f' ({over})' if over else ''}" for a, b, over in self.edges)
        return f"{'; '.join(parts)}. Connections: {calls}."


def topology(system: System) -> Topology:
    """Return the nodes and connections that a system's file states; nothing is started.

    A port belongs to the process whose readiness probe names it, else to the one process that names it at all;
    whoever else names it connects to it, and so does the load generator where an endpoint names it. Weakness: a
    connection that no text of the file names (an address inside the program) is not seen.
    """
    owner = _owners(system)
    nodes = [Node(GENERATOR, "generator")]
    nodes += [Node(p.name, p.role) for p in system.process]
    nodes += [Node(s.name, "server", optional=bool(s.when)) for s in system.server]
    edges = [
        (GENERATOR, owner[port], name)
        for name, text in system.endpoints.items() for port in _PORT.findall(text) if port in owner
    ]  # fmt: skip
    for process in system.process:
        texts = " ".join((*process.command, *process.env.values()))
        called = dict.fromkeys(owner[port] for port in _PORT.findall(texts) if port in owner)
        edges += [(process.name, other, "") for other in called if other != process.name]
        edges += [(process.name, server, "") for server in dict.fromkeys(_SERVER.findall(texts))]
    return Topology(tuple(nodes), tuple(edges))


def _owners(system: System) -> dict[str, str]:
    """Return which process listens on each port."""
    probed = {port: p.name for p in system.process for port in _PORT.findall(_probe(p))}
    naming: dict[str, list[str]] = {}
    for process in system.process:
        for port in set(_PORT.findall(" ".join((*process.command, *process.env.values())))):
            naming.setdefault(port, []).append(process.name)
    return {port: names[0] for port, names in naming.items() if len(names) == 1} | probed


def _probe(process: Process) -> str:
    ready = process.ready
    return " ".join((ready.http, ready.https, ready.tcp))
