"""A queue of samples for one session."""

from __future__ import annotations

from collections.abc import Sequence


class Chunks:
    """Takes frames and gives chunks, sample by sample."""

    def __init__(self, chunk: int) -> None:
        self.chunk, self.waiting = chunk, list[float]()

    def push(self, frame: Sequence[int]) -> list[float] | None:
        """Return the next chunk in -1..1 when there is one."""
        self.waiting += [sample / 32_768 for sample in frame]
        if len(self.waiting) < self.chunk:
            return None
        made, self.waiting = self.waiting[: self.chunk], self.waiting[self.chunk :]
        return made
