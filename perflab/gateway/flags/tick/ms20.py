"""Every 20 ms: as often as a client sends."""

from __future__ import annotations


def build() -> float:
    """Return the seconds between two ticks."""
    return 0.02
