"""Speech is not looked for, unless another flag needs to know: then by its energy."""

from __future__ import annotations


def build() -> str:
    """Return no name."""
    return ""
