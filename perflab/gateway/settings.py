"""Everything that can be set on a gateway, read once from the command line and the environment."""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from perflab.errors import UsageError
from perflab.gateway.calls.call import CallSettings
from perflab.gateway.flags import BASELINE, FLAGS, parse_flags
from perflab.gateway.flags.store import StoreSettings
from perflab.gateway.state.cached.settings import CacheSettings

TEMPLATES = Path(__file__).with_name("templates")
DEFAULT_MODEL = "gemini-2.5-flash-native-audio-latest"
POSTGRES_URL, REDIS_URL = "GATEWAY_POSTGRES_URL", "GATEWAY_REDIS_URL"
REPLICA_URL = "GATEWAY_POSTGRES_REPLICA_URL"
CACHE_URL = "GATEWAY_CACHE_URL"
DURABILITIES = ("full", "normal", "off")  # SQLite's synchronous levels
# Upper edges in seconds. They contain every latency target, so that a share "within target" is exact, not interpolated.
DEFAULT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.8, 1, 1.5, 2, 3, 4.5, 10)

# What a resumed session knows: all that was heard before the break (stream), or only what it had heard when the
# handle was given (handle), as the real service says; then the turn under way is sent again.
Resume = Literal["stream", "handle"]


@dataclass(frozen=True)
class Limits:
    """Bounds on what one client, one session or a slow disk can make the gateway hold; sizes in bytes."""

    sessions: int = 1000
    frame_bytes: int = 64 << 10
    held_bytes: int = 8 << 20  # reply audio held for one client: 2.9 minutes at 24 kHz
    unanswered_bytes: int = 2 << 20  # speech kept until it is answered, to send it again: 65 s at 16 kHz
    live_message_bytes: int = 16 << 20
    body_bytes: int = 64 << 10
    pending_writes: int = 10_000
    start_s: float = 10.0
    connect_s: float = 10.0
    tool_s: float = 15.0


@dataclass(frozen=True)
class Settings:
    """One gateway's settings; the service's key stays in the environment and is never part of them."""

    voice_port: int
    api_port: int
    live_url: str
    codegen_url: str
    database: Path
    host: str = "127.0.0.1"
    templates: Path = TEMPLATES
    model: str = DEFAULT_MODEL
    durability: str = "full"
    metrics_buckets: tuple[float, ...] = DEFAULT_BUCKETS
    resume: Resume = "handle"
    plant: str = ""
    postgres_url: str = field(default="", repr=False)  # URLs of servers hold passwords: environment only, never shown
    redis_url: str = field(default="", repr=False)
    replica_url: str = field(default="", repr=False)
    cache_url: str = field(default="", repr=False)
    cache_ttl_s: float = CacheSettings.ttl_s
    cache_entries: int = CacheSettings.entries
    state_pool: int = StoreSettings.pool
    state_wait_s: float = StoreSettings.wait_s
    flags: Mapping[str, str] = field(default_factory=lambda: dict(BASELINE))
    limits: Limits = Limits()
    calls: CallSettings = field(default_factory=CallSettings)

    @property
    def store(self) -> StoreSettings:
        """What the session state's store may need."""
        return StoreSettings(
            self.database, self.durability, self.limits.pending_writes, self.postgres_url, self.redis_url,
            self.state_pool, self.state_wait_s, replica_url=self.replica_url,
        )  # fmt: skip

    @property
    def cache(self) -> CacheSettings:
        """What a cache before the session state may hold."""
        return CacheSettings(
            self.cache_url, self.cache_ttl_s, self.cache_entries, pending=self.limits.pending_writes,
            wait_s=self.state_wait_s, write=self.flags["cache_write"], invalidation=self.flags["invalidation"],
        )  # fmt: skip


def api_key() -> str:
    """Return the Live service's key from the environment; raises UsageError when there is none."""
    key = os.environ.get("GEMINI_API_KEY") or os.environ.get("GOOGLE_API_KEY") or ""
    if not key:
        raise UsageError("No key for the Live service", "GEMINI_API_KEY must be set", "A stand-in takes any key")
    return key


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def keep_loopback_direct() -> None:
    """Name the loopback addresses in NO_PROXY, so that a proxy meant for the outside world never sees local calls."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost"]))


def read_settings(arguments: list[str]) -> Settings:
    """Return the settings that a command line asks for; raises UsageError with one line for what is wrong."""
    given = _parser().parse_args(arguments)
    settings = Settings(
        voice_port=given.voice_port,
        api_port=given.api_port,
        live_url=given.live_url.rstrip("/"),
        codegen_url=given.codegen_url.rstrip("/"),
        database=given.database,
        host=given.host,
        templates=given.templates,
        model=given.model,
        durability=given.durability,
        metrics_buckets=_buckets(given.metrics_buckets),
        resume=given.resume or ("stream" if given.live_url else "handle"),
        plant=os.environ.get("PERFLAB_PLANT", ""),
        postgres_url=os.environ.get(POSTGRES_URL, ""),
        redis_url=os.environ.get(REDIS_URL, ""),
        replica_url=os.environ.get(REPLICA_URL, ""),
        cache_url=os.environ.get(CACHE_URL, ""),
        cache_ttl_s=given.cache_ttl_s,
        cache_entries=given.cache_entries,
        state_pool=given.state_pool,
        state_wait_s=given.state_wait_s,
        flags=parse_flags(given.flag),
        limits=Limits(sessions=given.max_sessions),
        calls=CallSettings(given.codegen_pool, given.codegen_rate, given.codegen_share),
    )
    _check(settings)
    return settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m perflab.gateway", description=__doc__)
    parser.add_argument(
        "--voice-port", type=int, required=True, help="port of the voice WebSocket, ws://HOST:PORT/voice"
    )
    parser.add_argument("--api-port", type=int, required=True, help="port of the HTTP API, /healthz and /metrics")
    parser.add_argument("--live-url", default="", help="https URL of a Live stand-in; empty: the real service")
    parser.add_argument("--codegen-url", required=True, help="URL of the code generator")
    parser.add_argument("--database", type=Path, required=True, help="SQLite file of the session state")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--templates", type=Path, default=TEMPLATES, help="folder of the prompt templates (*.j2)")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument(
        "--durability",
        choices=DURABILITIES,
        default="full",
        help="SQLite's synchronous level; full is PostgreSQL's synchronous_commit=on, else off; Redis' is its server's",
    )
    parser.add_argument("--state-pool", type=int, default=StoreSettings.pool, help="connections to a state server")
    parser.add_argument("--state-wait-s", type=float, default=StoreSettings.wait_s,
                        help="how long an access waits for one, also while the server is away")  # fmt: skip
    parser.add_argument("--cache-ttl-s", type=float, default=CacheSettings.ttl_s, help="how long a cached read lives")
    parser.add_argument("--cache-entries", type=int, default=CacheSettings.entries, help="reads cached in process")
    calls = CallSettings()
    parser.add_argument("--codegen-pool", type=int, default=calls.connections, help="connections to the code generator")
    parser.add_argument("--codegen-rate", type=float, default=calls.per_s, help="calls/s of one session, rate_limit=on")
    parser.add_argument("--codegen-share", type=int, default=calls.share, help="calls of a session at a time, bulkhead")
    parser.add_argument("--metrics-buckets", default="", help="histogram edges in seconds, with commas between")
    parser.add_argument(
        "--resume", choices=("stream", "handle"), default="",
        help="what a resumed Live session still knows: all it had heard, or what it had heard when it gave the handle "
        "(default: stream for a stand-in, handle for the real service)",
    )  # fmt: skip
    parser.add_argument("--max-sessions", type=int, default=Limits.sessions)
    values = "; ".join(f"{name}={'|'.join(choices)}" for name, choices in FLAGS.items())
    parser.add_argument("--flag", action="append", default=[], metavar="NAME=VALUE", help=f"{values} (first: baseline)")
    return parser


def _buckets(text: str) -> tuple[float, ...]:
    if not text:
        return DEFAULT_BUCKETS
    try:
        edges = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--metrics-buckets {text}", "edges are seconds with commas between, such as 0.5,2,3"
        ) from None
    if any(later <= earlier for earlier, later in pairwise(edges)) or edges[0] <= 0:
        raise UsageError(f"--metrics-buckets {text}", "edges must be positive and rise")
    return edges


def _check(settings: Settings) -> None:
    if settings.live_url and urlsplit(settings.live_url).scheme != "https":
        raise UsageError(f"--live-url {settings.live_url}", "must start with https://: the Live client speaks TLS only")
    if urlsplit(settings.codegen_url).scheme not in ("http", "https"):
        raise UsageError(f"--codegen-url {settings.codegen_url}", "must start with http:// or https://")
    if not settings.database.parent.is_dir():
        raise UsageError(f"--database {settings.database}", "its folder must exist")
    if not settings.templates.is_dir():
        raise UsageError(f"--templates {settings.templates}", "must be a folder")
    if settings.plant and not is_loopback(settings.host):
        raise UsageError(f"PERFLAB_PLANT is set and --host is {settings.host}", "planted defects are for loopback only")
    _check_store(settings)
    _check_cache(settings)
    api_key()


def _check_store(settings: Settings) -> None:
    store = settings.flags["store"]
    given = {POSTGRES_URL: settings.postgres_url, REPLICA_URL: settings.replica_url, REDIS_URL: settings.redis_url}
    needed = {"postgres": (POSTGRES_URL,), "postgres_split": (POSTGRES_URL, REPLICA_URL), "redis": (REDIS_URL,)}
    if lacking := [name for name in needed.get(store, ()) if not given[name]]:
        raise UsageError(f"--flag store={store}", f"{lacking[0]} must hold the URL of the server")
    if settings.state_pool < 1 or settings.state_wait_s <= 0:
        raise UsageError(f"--state-pool {settings.state_pool}, --state-wait-s {settings.state_wait_s:g}",
                         "at least one connection, and a wait above 0 s")  # fmt: skip


def _check_cache(settings: Settings) -> None:
    cache, invalidation = settings.flags["cache"], settings.flags["invalidation"]
    if not settings.cache_url and (cache in ("l2", "l1_l2") or (invalidation == "event" and cache != "off")):
        raise UsageError(f"--flag cache={cache}, invalidation={invalidation}",
                         f"{CACHE_URL} must hold the URL of a Redis server")  # fmt: skip
    store = settings.flags["store"]
    if store == "write_behind" and cache != "off":
        raise UsageError(f"--flag cache={cache}, store={store}",
                         "that store answers before it can be read back: the cache would hold what is old")  # fmt: skip
    if store == "postgres_split" and cache in ("l2", "l1_l2"):
        raise UsageError(f"--flag cache={cache}, store={store}",
                         "a replica that lags would put in the shared cache what is older than a write")  # fmt: skip
    if not 0 < settings.cache_ttl_s <= 86_400 or not 1 <= settings.cache_entries <= 10_000_000:
        raise UsageError(f"--cache-ttl-s {settings.cache_ttl_s:g}, --cache-entries {settings.cache_entries}",
                         "above 0 s up to a day, and 1 to 10,000,000 entries")  # fmt: skip
