"""Flag `tick`: how often a batched pipeline works. A value offers `build() -> seconds`."""

from __future__ import annotations

BASELINE = "ms20"
