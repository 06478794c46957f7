"""A frame is voiced when it is louder than a fixed level: cheap, exact, and deaf to what the sound is."""

from __future__ import annotations


def build() -> str:
    """Return the name of the judge."""
    return "energy"
