"""FIFO on a dictionary in order of entry."""

from __future__ import annotations

from perflab.cache.oracle.requests import Request


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    inside: dict[int, int] = {}
    found = []
    for r in requests:
        found.append(r.id not in inside)
        if r.id in inside or r.size > capacity:
            continue
        while sum(inside.values()) + r.size > capacity:
            del inside[next(iter(inside))]
        inside[r.id] = r.size
    return found
