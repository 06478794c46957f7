"""Every field of every record of a page."""

from __future__ import annotations


def build() -> None:
    """Return nothing: answers are whole."""
