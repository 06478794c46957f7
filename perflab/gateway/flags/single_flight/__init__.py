"""Flag `single_flight`: equal reads of the session state at one time. A value offers `build(below) -> Kept`."""

from __future__ import annotations

BASELINE = "off"
