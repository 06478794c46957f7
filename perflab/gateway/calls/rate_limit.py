"""Nobody calls more often than their rate."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from aiolimiter import AsyncLimiter

from perflab.gateway.calls.call import CallRefused, CodeCall, Count, Generate, uncounted

TENANTS = 10_000  # remembered; the one that was quiet longest is forgotten, and with it its debt
WAIT_S = 1.0


class Limited:
    """A leaky bucket for each tenant: a second's worth at once, then so many calls per second; who is over waits.

    A call that would wait longer than a second is refused with 429. Requests that name no session are one tenant.
    """

    def __init__(self, inner: Generate, per_s: float, count: Count = uncounted) -> None:
        self._inner, self._per_s, self._count = inner, per_s, count
        self._buckets: OrderedDict[int, AsyncLimiter] = OrderedDict()

    async def __call__(self, call: CodeCall) -> dict[str, Any]:
        """Return the answer; raises CallRefused when the tenant is too far over its rate."""
        bucket = self._buckets.get(call.tenant)
        if bucket is None:
            bucket = self._buckets[call.tenant] = AsyncLimiter(self._per_s, 1.0)
            if len(self._buckets) > TENANTS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(call.tenant)
        try:
            async with asyncio.timeout(WAIT_S):
                await bucket.acquire()
        except TimeoutError:
            self._count("refused_rate")
            raise CallRefused(
                f"session {call.tenant} calls more than {self._per_s:g} times a second: slow down", answer=429
            ) from None
        return await self._inner(call)
