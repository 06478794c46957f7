"""Clients ask for the newest history and artefacts again and again."""

from __future__ import annotations


def build() -> None:
    """Return nothing: there is nobody to wake."""
