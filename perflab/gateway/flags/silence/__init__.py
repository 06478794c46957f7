"""Flag `silence`: what becomes of a client's silence. A value offers `build() -> bool`, whether it is suppressed."""

from __future__ import annotations

BASELINE = "sent"
