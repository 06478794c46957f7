"""The level in process: least recently used leaves first, bounded by entries and by bytes."""

from __future__ import annotations

from perflab.cache.live.cachebox import make_sized
from perflab.gateway.state.cached.entries import Entry, Key, size_of

LARGEST_SHARE = 16  # one value takes at most this part of the level: a huge page must not drive out all others


class MemoryLevel:
    """cachebox' LRU in Rust, about 0.1 us per operation.

    Both bounds are one: an entry counts as its bytes, and at least as `memory_bytes / entries`, so that neither the
    bytes nor the number can be passed. A get takes the entry out in one step and then looks at its age: nothing can
    expire between the look and the use.
    """

    def __init__(self, entries: int, memory_bytes: int, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self._least, self._largest = max(memory_bytes // entries, 1), memory_bytes // LARGEST_SHARE
        self._cache = make_sized(memory_bytes, self._size)

    def _size(self, key: Key, entry: Entry) -> int:
        return max(self._least, size_of(entry.value))

    def get(self, key: Key, version: int, now: float) -> Entry | None:
        """Return the entry if it is young enough and of this version."""
        entry: Entry | None = self._cache.get(key)
        if entry is None or entry.version != version or not now - self.ttl_s <= entry.began <= now + self.ttl_s:
            return None
        return entry

    def put(self, key: Key, entry: Entry) -> bool:
        """Keep an entry; returns False for one that is too large for this level."""
        if size_of(entry.value) > self._largest:
            return False
        self._cache.insert(key, entry)
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._cache.clear()

    def __len__(self) -> int:
        return len(self._cache)

    @property
    def bytes(self) -> int:
        """How many bytes the entries count as."""
        return int(self._cache.current_size())
