"""JSON as FastAPI makes it: its encoder walks every field, then the standard library writes."""

from __future__ import annotations


def build() -> None:
    """Return nothing: answers are FastAPI's to serialise."""
