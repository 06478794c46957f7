"""A server that the user runs: named by URL, looked for before anything starts, never started or stopped."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

from perflab.errors import SystemFailure
from perflab.system.servers.kinds import kind_named

PORTS = {"redis": 6379, "rediss": 6379, "postgresql": 5432, "postgres": 5432}
LOOK_S = 3.0
# What can be read in one way only. A URL with `@`, `/`, `?` or `#` inside a password is not: none of it is shown.
PLAIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)((?P<user>[^:@/?#\[\]]*)(?P<secret>:[^@/?#\[\]]*)?@)?"
    r"(?P<place>([^:@/?#\[\]]*|\[[0-9a-f:.]*\])(:\d{0,5})?(/[^:@?#]*)?)(?P<query>\?[^@#]*)?",
    re.IGNORECASE,
)


def url_fault(kind: str, url: str) -> str:
    """Return what is wrong with a URL for a server of this kind; empty when nothing is."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises for a port that is no number
    except ValueError:  # its text quotes what may be the password
        return "url is not understood: a password in it may need percent-encoding"
    schemes = kind_named(kind).SCHEMES
    if parts.scheme not in schemes or not parts.hostname:
        return f"url must be {' or '.join(f'{scheme}://HOST...' for scheme in schemes)}, not {masked(url)!r}"
    return ""


def masked(url: str) -> str:
    """Return a URL without its password and its query, for people; nothing of one that may be meant in two ways."""
    plain = PLAIN.fullmatch(url)
    if plain is None:
        return "***, whose password may need percent-encoding"
    user = "" if plain["user"] is None else f"{plain['user']}{':***' if plain['secret'] else ''}@"
    return f"{plain['scheme']}{user}{plain['place']}{'?***' if plain['query'] else ''}"


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
