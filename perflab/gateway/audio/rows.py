"""A matrix whose rows are sessions: frames wait in their rows until a tick takes all rows at once.

A session that is slow, gone or wrong leaves its row unmarked; the work skips it and its state stays as it is. A
session that is ahead keeps its further frames in a queue of its own, and the work is done again until none waits:
before the next tick where the queue is full, so that memory is bounded and nobody is refused for a tick that was late.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")
AHEAD = 50  # frames that may wait behind the one in the row: a second of speech in a burst


class Rows(Generic[Item]):
    """Frames of up to `frame_bytes` of `rows` sessions: `active` are the rows that are filled, `sizes` their bytes.

    `packets` uint8 [rows, bytes] and, where a frame is whole samples, `pcm` int16 [rows, samples] are the same memory.

    `Item` is what comes back with a frame: whatever the owner wants to know again when its frame has been worked on.
    """

    def __init__(self, rows: int, frame_bytes: int) -> None:
        self.frame_bytes = frame_bytes
        self._raw = bytearray(rows * frame_bytes)
        self._view = memoryview(self._raw)
        self.pcm = (
            np.frombuffer(self._raw, np.int16).reshape(rows, -1) if not frame_bytes % 2 else np.zeros((0, 0), np.int16)
        )
        self.packets = np.frombuffer(self._raw, np.uint8).reshape(rows, frame_bytes)
        self.sizes = np.zeros(rows, np.int32)
        self.active = np.zeros(rows, np.bool_)
        self._free = list(range(rows - 1, -1, -1))
        self._first: dict[int, Item] = {}  # row -> what its frame belongs to, in order of arrival
        self._behind: dict[int, deque[tuple[bytes, Item]]] = {}

    @property
    def full(self) -> bool:
        """Whether every row has its session."""
        return not self._free

    @property
    def waits(self) -> bool:
        """Whether any frame waits."""
        return bool(self._first)

    def take(self) -> int:
        """Return a row for a new session."""
        return self.claim(self._free[-1])

    def claim(self, row: int) -> int:
        """Take this very row, which must be free."""
        self._free.remove(row)
        self._behind[row] = deque()
        return row

    def give_back(self, row: int) -> None:
        """The session is gone, and what it has waiting with it."""
        self.drop(row)
        del self._behind[row]
        self._free.append(row)

    def item(self, row: int) -> Item:
        """Return what the frame in a filled row belongs to."""
        return self._first[row]

    def put(self, row: int, payload: bytes, item: Item) -> None:
        """Fill a row, or queue behind it, where it is not crowded."""
        if row not in self._first:
            self._fill(row, payload, item)
        else:
            assert not self.crowded(row), f"work first: {AHEAD} frames wait already"
            self._behind[row].append((payload, item))

    def crowded(self, row: int) -> bool:
        """Whether no more may wait behind a row."""
        return len(self._behind[row]) >= AHEAD

    def drop(self, row: int) -> None:
        """Forget what a session has waiting."""
        self._first.pop(row, None)
        self._behind[row].clear()
        self.active[row] = False

    def taken(self) -> dict[int, Item]:
        """Return row and item of the frames that were worked on, and fill the rows anew from the queues."""
        done, self._first = self._first, {}
        self.active[:] = False
        for row in done:
            if self._behind[row]:
                self._fill(row, *self._behind[row].popleft())
        return done

    def _fill(self, row: int, payload: bytes, item: Item) -> None:
        at, size = row * self.frame_bytes, len(payload)
        self._view[at : at + size] = payload
        self.sizes[row] = size
        self._first[row] = item
        self.active[row] = True
