"""Flag `bulkhead`: each session has so many calls at a time, its others wait, or not.

A value offers `build(inner, world) -> Generate`, around the call `inner`; calls/chain.py has the order.
"""

from __future__ import annotations

BASELINE = "off"
