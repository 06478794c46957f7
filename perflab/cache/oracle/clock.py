"""CLOCK as a queue in which a marked object goes round once more."""

from __future__ import annotations

from perflab.cache.oracle.requests import Request


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    queue: list[Request] = []
    marked: set[int] = set()
    found = []
    for r in requests:
        hit = any(r.id == o.id for o in queue)
        found.append(not hit)
        if hit:
            marked.add(r.id)
        elif r.size <= capacity:
            while sum(o.size for o in queue) + r.size > capacity:
                oldest = queue.pop(0)
                if oldest.id in marked:
                    marked.remove(oldest.id)
                    queue.append(oldest)
            queue.append(r)
    return found
