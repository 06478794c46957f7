"""Redis with its file synced every second: what the wait for the disk costs the store that answers in one thread."""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.state.arriving import bars_of

ORDER = 35


def bars(say: Say) -> list[Bar]:
    """Measure at 10,000 and at 60,000 queries a minute; a crash loses the last second, two when the disk is slow."""
    return bars_of("redis", "Redis, everysec", say, {"appendonly": True, "appendfsync": "everysec"})
