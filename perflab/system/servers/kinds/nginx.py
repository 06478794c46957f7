"""nginx as an edge cache before an HTTP service, where the machine has it: no wheel carries it."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from perflab.errors import UsageError
from perflab.system.servers.identity import Identity
from perflab.system.servers.kinds import Prepared, Settings

TITLE, WHEEL, SCHEMES = "nginx", "", ("http", "https")
REMEDY = "apt-get install nginx-light"
ORIGIN, VALID_S, LOCK, STALE = "origin", "valid_s", "lock", "stale"
KNOWN = {ORIGIN, VALID_S, LOCK, STALE}
KEYS = "256k"  # of memory for keys: bounds what is cached, about 2,000 answers


def programs() -> Path | None:
    """Return the folder of `nginx`, which distributions put where only root's path looks."""
    found = shutil.which("nginx", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))
    return Path(found).parent if found else None


def prepare(folder: Path, port: int, settings: Settings, identity: Identity) -> Prepared:
    """Write a configuration of one process on the loopback that caches good answers to GET from `origin`.

    One process, no master: a worker would outlive a master that is killed. Without one no manager of the cache runs
    either, so that neither a size nor a time without use bounds the cache: the memory for keys does, and when that is
    full the answers that were used longest ago go.

    Settings: `origin` (URL, required); `valid_s` seconds that an answer is served again; `lock`: of requests that miss
    one key at once a single one goes to the origin; `stale`: one past its time is served while it is fetched anew, and
    for as long as that fails: with the origin away its age has no bound.
    Every answer says in X-Cache whether it was a HIT, MISS, STALE, EXPIRED or UPDATING. Raises UsageError.
    """
    found = programs()
    assert found is not None
    data = folder / "edge"
    data.mkdir()
    identity.owns(data)
    file = folder / "nginx.conf"
    file.write_text(configuration(data, port, settings), encoding="utf-8")
    argv = [str(found / "nginx"), "-p", str(data), "-c", str(file), "-e", "stderr"]
    return Prepared(argv, f"http://127.0.0.1:{port}", lambda pid: _listens(port))


def configuration(data: Path, port: int, settings: Settings) -> str:
    """Return the text of the configuration."""
    unknown = set(settings) - KNOWN
    origin = urlsplit(str(settings.get(ORIGIN, "")))
    if unknown or origin.scheme != "http" or not origin.netloc or set(origin.geturl()) & set(" ;{}\"'\\\n"):
        raise UsageError(f"nginx with settings {dict(settings)}", f"settings are {', '.join(sorted(KNOWN))}, and "
                         "origin is an http:// URL")  # fmt: skip
    stale = "updating" if settings.get(STALE) else "off"
    temporary = "\n".join(
        f"  {kind}_temp_path {data}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""daemon off;
master_process off;
pid {data}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
{temporary}
  access_log off;
  proxy_cache_path {data}/cache keys_zone=edge:{KEYS} use_temp_path=off;
  upstream origin {{ server {origin.netloc}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_cache edge;
      proxy_cache_methods GET;
      proxy_cache_valid 200 {float(settings.get(VALID_S, 1)):g}s;
      proxy_cache_lock {"on" if settings.get(LOCK) else "off"};
      proxy_cache_use_stale {stale};
      proxy_cache_background_update {"on" if settings.get(STALE) else "off"};
      add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False
