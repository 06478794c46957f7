"""The clairvoyant rule that searches the rest of the trace every time, and the true optimum by trying everything."""

from __future__ import annotations

from functools import cache

from perflab.cache.oracle.requests import Request


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    inside: dict[int, int] = {}
    found = []
    for now, r in enumerate(requests):
        found.append(r.id not in inside)
        use = _next(requests, now, r.id)
        if r.id in inside:
            if use == len(requests):
                del inside[r.id]
        elif r.size <= capacity and use < len(requests):
            while sum(inside.values()) + r.size > capacity:
                latest = max(inside, key=lambda o: _next(requests, now, o))
                if _next(requests, now, latest) < use:
                    break
                del inside[latest]
            if sum(inside.values()) + r.size <= capacity:
                inside[r.id] = r.size
    return found


def _next(requests: list[Request], now: int, wanted: int) -> int:
    """Return when an object is asked for next; the length of the trace for never."""
    return next((t for t in range(now + 1, len(requests)) if requests[t].id == wanted), len(requests))


def fewest(ids: list[int], capacity: int) -> int:
    """Return the fewest misses that any rule can have, by trying every choice: for a dozen requests, not for more."""

    @cache
    def best(now: int, inside: frozenset[int]) -> int:
        if now == len(ids):
            return 0
        if ids[now] in inside:
            return best(now + 1, inside)
        kept = inside | {ids[now]}
        choices = [kept] if len(kept) <= capacity else [kept - {o} for o in kept]
        return 1 + min(best(now + 1, choice) for choice in choices)

    return best(0, frozenset())
