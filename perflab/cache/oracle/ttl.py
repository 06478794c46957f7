"""LRU with expiry: everything is looked through before each request."""

from __future__ import annotations

from perflab.cache.oracle.requests import Request


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    inside: dict[int, Request] = {}  # the request that each came with, in order of use
    found = []
    for r in requests:
        inside = {o: came for o, came in inside.items() if r.time - came.time < ttl_s}
        found.append(r.id not in inside)
        if r.id in inside:
            inside[r.id] = inside.pop(r.id)
        elif r.size <= capacity:
            while sum(came.size for came in inside.values()) + r.size > capacity:
                del inside[next(iter(inside))]
            inside[r.id] = r
    return found
