"""A frame is voiced when it stands out of its own line's noise: follows a loud room, deaf to what the sound is."""

from __future__ import annotations


def build() -> str:
    """Return the name of the judge."""
    return "noise_floor"
