"""Flag `batch`: calls that come within 5 ms go as one request, or not.

A value offers `build(inner, world) -> Generate`, around the call `inner`; calls/chain.py has the order.
"""

from __future__ import annotations

BASELINE = "off"
