"""SIEVE on a list from old to young, with the hand as the id of the object that it rests on."""

from __future__ import annotations

from perflab.cache.oracle.requests import Request


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    queue: list[Request] = []
    marked: set[int] = set()
    hand: int | None = None  # None: at the oldest
    found = []
    for r in requests:
        hit = any(r.id == o.id for o in queue)
        found.append(not hit)
        if hit:
            marked.add(r.id)
        elif r.size <= capacity:
            while sum(o.size for o in queue) + r.size > capacity:
                hand = _evict(queue, marked, hand)
            queue.append(r)
    return found


def _evict(queue: list[Request], marked: set[int], hand: int | None) -> int | None:
    """Remove one object and return where the hand rests then."""
    ids = [o.id for o in queue]
    at = 0 if hand is None else ids.index(hand)
    while ids[at] in marked:
        marked.remove(ids[at])
        at = (at + 1) % len(ids)
    del queue[at]
    return queue[at].id if at < len(queue) else None
