"""What a cache of session state may hold, and how long an entry lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CacheSettings:
    """Bounds of the levels; `write` and `invalidation` are the values of the flags that a cache asks for.

    `ttl_s` from the start of the load, through both levels; `memory_bytes` and `entries` bound the level in process,
    `value_bytes` one value in the shared level, `command_s` a command to it, `pending` what write-behind may hold.
    """

    redis_url: str = ""
    ttl_s: float = 1.0
    entries: int = 10_000
    memory_bytes: int = 16 << 20
    value_bytes: int = 256 << 10
    command_s: float = 0.1
    linger_s: float = 0.05
    pending: int = 10_000
    wait_s: float = 2.0
    write: str = "aside"
    invalidation: str = "versioned"
