"""Flag `loader`: reads of single rows that are asked for at one time. A value offers `build(below) -> Kept`."""

from __future__ import annotations

BASELINE = "off"
