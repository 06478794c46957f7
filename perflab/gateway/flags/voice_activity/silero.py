"""A frame is voiced when the Silero network finds speech in it: deaf to noise that is not speech, 32 ms at a time."""

from __future__ import annotations


def build() -> str:
    """Return the name of the judge."""
    return "silero"
