"""Readiness probes: is a process ready to serve?"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from perflab.system.tables.processes import Ready


def readiness(ready: Ready, render: Callable[[str], str], log_path: Path) -> tuple[Callable[[], bool], str]:
    """Return the probe of a process, and what it waits for in words."""
    if ready.log:
        pattern = re.compile(ready.log)
        return lambda: bool(pattern.search(_text(log_path))), f"a line matching {ready.log!r}"
    if ready.tcp:
        host, _, port = render(ready.tcp).rpartition(":")
        return lambda: _connects(host, int(port)), f"a connection to {host}:{port}"
    url = render(ready.http or ready.https)
    return lambda: _answers(url), f"an answer below 500 from {url}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        # Readiness of a loopback stand-in with a certificate made for this trial: identity is not the question.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=2.0, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
