"""Flag `coalesce`: how many client frames go up to Live in one message. A value offers `build() -> Coalescer`."""

from __future__ import annotations

from typing import Protocol

BASELINE = "off"


class Coalescer(Protocol):
    """Decides, frame by frame, what is sent; no byte is lost, doubled or moved."""

    def push(self, pcm: bytes, last: bool) -> bytes | None:
        """Return what goes up now, or None while more is gathered; `last`: nothing that matters follows soon."""

    def decide(self) -> None:
        """What follows now may end a turn: it must not wait."""

    def drain(self) -> bytes:
        """Return what has not gone up, and forget it."""
