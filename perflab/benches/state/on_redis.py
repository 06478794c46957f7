"""The optimised store on Redis: a million rows, four reads to a write, arrivals that do not wait."""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.benches.state.arriving import bars_of

ORDER = 30


def bars(say: Say) -> list[Bar]:
    """Measure at 10,000 and at 60,000 queries a minute."""
    return bars_of("redis", "Redis", say)
