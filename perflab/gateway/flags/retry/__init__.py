"""Flag `retry`: up to four attempts with exponential waits and jitter, or not.

A value offers `build(inner, world) -> Generate`, around the call `inner`; calls/chain.py has the order.
"""

from __future__ import annotations

BASELINE = "off"
