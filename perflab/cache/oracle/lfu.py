"""LFU that looks at every object inside: fewest requests since entry, then longest at that count."""

from __future__ import annotations

from perflab.cache.oracle.requests import Request


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    inside: dict[int, tuple[int, int, int]] = {}  # count, since when at this count, size
    found = []
    for now, r in enumerate(requests):
        found.append(r.id not in inside)
        if r.id in inside:
            count, _, size = inside[r.id]
            inside[r.id] = (count + 1, now, size)
        elif r.size <= capacity:
            while sum(size for _, _, size in inside.values()) + r.size > capacity:
                del inside[min(inside, key=lambda o: inside[o][:2])]
            inside[r.id] = (1, now, r.size)
    return found
