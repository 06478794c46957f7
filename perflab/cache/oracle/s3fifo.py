"""S3-FIFO on three lists."""

from __future__ import annotations

from perflab.cache.oracle.requests import Request


class _Cache:
    """The three queues, oldest first, and how often each object inside was asked for."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.small_most, self.ghost_most = max(1, int(capacity * 0.1)), max(1, int(capacity * 0.9))
        self.small: list[Request] = []
        self.main: list[Request] = []
        self.ghost: list[Request] = []
        self.asked: dict[int, int] = {}
        self.evicted = False

    def ask(self, r: Request) -> bool:
        """Serve one request and return whether it missed."""
        if r.id in self.asked:
            self.asked[r.id] += 1
            return False
        known = [o for o in self.ghost if o.id == r.id]
        self.ghost = [o for o in self.ghost if o.id != r.id]
        if r.size > self.capacity or (not known and r.size > self.small_most):
            return True
        while _size(self.small) + _size(self.main) + r.size > self.capacity:
            self.evicted = True
            if _size(self.main) > self.capacity - self.small_most or not self.small:
                self._evict_main()
            else:
                self._evict_small()
        full = not self.evicted and _size(self.small) >= self.small_most
        (self.main if known or full else self.small).append(r)
        self.asked[r.id] = 0
        return True

    def _evict_main(self) -> None:
        while self.main:
            oldest = self.main.pop(0)
            if not self.asked[oldest.id]:
                del self.asked[oldest.id]
                return
            self.asked[oldest.id] = min(self.asked[oldest.id], 3) - 1
            self.main.append(oldest)

    def _evict_small(self) -> None:
        while self.small:
            oldest = self.small.pop(0)
            if self.asked[oldest.id] < 2:
                del self.asked[oldest.id]
                self._remember(oldest)
                return
            self.asked[oldest.id] = 0
            self.main.append(oldest)

    def _remember(self, gone: Request) -> None:
        if gone.size <= self.ghost_most:
            while _size(self.ghost) + gone.size > self.ghost_most:
                self.ghost.pop(0)
            self.ghost.append(gone)


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    cache = _Cache(capacity)
    return [cache.ask(r) for r in requests]


def _size(queue: list[Request]) -> int:
    return sum(o.size for o in queue)
