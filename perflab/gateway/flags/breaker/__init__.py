"""Flag `breaker`: after five failures in a row the code generator is left alone for half a second, or not.

A value offers `build(inner, world) -> Generate`, around the call `inner`; calls/chain.py has the order.
"""

from __future__ import annotations

BASELINE = "off"
