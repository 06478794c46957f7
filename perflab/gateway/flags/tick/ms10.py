"""Every 10 ms: a frame waits 5 ms on average."""

from __future__ import annotations


def build() -> float:
    """Return the seconds between two ticks."""
    return 0.01
