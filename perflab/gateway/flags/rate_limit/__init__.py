"""Flag `rate_limit`: each session calls so often per second, above that it waits or is refused, or not.

A value offers `build(inner, world) -> Generate`, around the call `inner`; calls/chain.py has the order.
"""

from __future__ import annotations

BASELINE = "off"
