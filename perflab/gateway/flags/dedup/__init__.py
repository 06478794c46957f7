"""Flag `dedup`: calls with the same prompt at the same time share one, or not.

A value offers `build(inner, world) -> Generate`, around the call `inner`; calls/chain.py has the order.
"""

from __future__ import annotations

BASELINE = "off"
