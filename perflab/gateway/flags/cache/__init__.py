"""Flag `cache`: a read cache before the session state. A value offers `build(below, settings) -> Kept`.

What it does at a write is the flag `cache_write`, how values grow old `invalidation`.
"""

from __future__ import annotations

BASELINE = "off"
