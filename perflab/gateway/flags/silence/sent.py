"""Silence goes up like speech."""

from __future__ import annotations


def build() -> bool:
    """Return that nothing is suppressed."""
    return False
