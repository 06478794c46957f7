"""What clients send goes up with its noise: a recogniser may well prefer it so."""

from __future__ import annotations


def build() -> bool:
    """Return that nothing is taken out."""
    return False
