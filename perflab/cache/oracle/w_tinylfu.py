"""W-TinyLFU on three lists, with the sketch as plain lists of whole numbers."""

from __future__ import annotations

from perflab.cache.oracle.requests import Request

_WORD = (1 << 64) - 1
ROWS, MOST, SAMPLE, APART = 4, 15, 10, 14


class Sketch:
    """Four rows of counters up to 15, halved after `period` increments."""

    def __init__(self, width: int, period: int) -> None:
        self.rows = [[0] * width for _ in range(ROWS)]
        self.period, self.counted = period, 0

    def places(self, x: int) -> list[int]:
        """Return the place of x in each row: splitmix64, then 14 bits further on per row."""
        h = (x + 0x9E3779B97F4A7C15) & _WORD
        h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & _WORD
        h ^= h >> 31
        return [(h >> (APART * row)) % len(self.rows[0]) for row in range(ROWS)]

    def increment(self, x: int) -> None:
        """Count x once."""
        before = [row[at] for row, at in zip(self.rows, self.places(x), strict=True)]
        for row, at in zip(self.rows, self.places(x), strict=True):
            row[at] = min(MOST, row[at] + 1)
        self.counted += any(value < MOST for value in before)
        if self.counted >= self.period:
            self.rows = [[value // 2 for value in row] for row in self.rows]
            self.counted //= 2

    def estimate(self, x: int) -> int:
        """Return x's smallest counter."""
        return min(row[at] for row, at in zip(self.rows, self.places(x), strict=True))


class _Cache:
    def __init__(self, capacity: int, fitting: int) -> None:
        self.capacity = capacity
        self.window_most = max(1, capacity // 100)
        self.main_most = capacity - self.window_most
        self.protected_most = self.main_most * 4 // 5
        width = 64
        while width < min(4 * fitting, 1 << 22):
            width *= 2
        self.sketch = Sketch(width, SAMPLE * fitting)
        self.window: list[Request] = []
        self.probation: list[Request] = []
        self.protected: list[Request] = []

    def ask(self, r: Request) -> bool:
        """Serve one request and return whether it missed."""
        self.sketch.increment(r.id)
        for queue in (self.window, self.probation, self.protected):
            for o in queue:
                if o.id == r.id:
                    queue.remove(o)
                    self._used(o, queue)
                    return False
        if r.size <= self.capacity:
            self.window.append(r)
            while _size(self.window) > self.window_most:
                self._admit(self.window.pop(0))
        return True

    def _used(self, o: Request, queue: list[Request]) -> None:
        if queue is self.window:
            self.window.append(o)
            return
        self.protected.append(o)
        while _size(self.protected) > self.protected_most:
            self.probation.append(self.protected.pop(0))

    def _admit(self, candidate: Request) -> None:
        if candidate.size > self.main_most:
            return
        while _size(self.probation) + _size(self.protected) + candidate.size > self.main_most:
            queue = self.probation or self.protected
            if self.sketch.estimate(candidate.id) <= self.sketch.estimate(queue[0].id):
                return
            queue.pop(0)
        self.probation.append(candidate)


def misses(requests: list[Request], capacity: int, ttl_s: float = 0.0) -> list[bool]:
    """Return which requests miss."""
    fitting = capacity * len(requests) // sum(r.size for r in requests)
    cache = _Cache(capacity, max(1, min(len({r.id for r in requests}), fitting)))
    return [cache.ask(r) for r in requests]


def _size(queue: list[Request]) -> int:
    return sum(o.size for o in queue)
