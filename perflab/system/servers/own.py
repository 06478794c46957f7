"""A server that the user runs: named by URL, looked for before anything starts, never started or stopped."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit, urlunsplit

from perflab.errors import SystemFailure
from perflab.system.servers.kinds import kind_named

PORTS = {"redis": 6379, "rediss": 6379, "postgresql": 5432, "postgres": 5432}
LOOK_S = 3.0


def url_fault(kind: str, url: str) -> str:
    """Return what is wrong with a URL for a server of this kind; empty when nothing is."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError as error:
        return f"url is not understood: {error}"
    schemes = kind_named(kind).SCHEMES
    if parts.scheme not in schemes or not parts.hostname:
        return f"url must be {' or '.join(f'{scheme}://HOST...' for scheme in schemes)}, not {masked(url)!r}"
    return ""


def masked(url: str) -> str:
    """Return a URL without its password, for people."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"))


def require_reachable(name: str, url: str) -> None:
    """Raise SystemFailure when nobody listens at a user's own server."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        socket.create_connection((host, port), timeout=LOOK_S).close()
    except OSError as error:
        raise SystemFailure(f"Server {name} at {masked(url)} cannot be reached: {error.strerror or error}",
                            "", "Start it, correct its url, or leave the url out: then one is started from a wheel"
                            ) from None  # fmt: skip
