"""Nobody's calls take more than their share of what is sent at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from perflab.gateway.calls.call import CallRefused, CodeCall, Count, Generate, uncounted

WAITING = 32  # of one tenant, for a place of its own
WAIT_S = 5.0


@dataclass
class _Place:
    free: asyncio.Semaphore
    users: int = 0


class Parted:
    """Each tenant has so many places; its further calls wait for them, at most 32 and for 5 s, and others' do not.

    Requests that name no session are one tenant. Tenants are forgotten with their last call.
    Weakness: places that a quiet tenant leaves empty are not lent out.
    """

    def __init__(self, inner: Generate, share: int, count: Count = uncounted) -> None:
        self._inner, self._share, self._count = inner, share, count
        self._places: dict[int, _Place] = {}

    async def __call__(self, call: CodeCall) -> dict[str, Any]:
        """Return the answer; raises CallRefused when too many of the tenant's wait, or for too long."""
        place = self._places.setdefault(call.tenant, _Place(asyncio.Semaphore(self._share)))
        if place.users >= self._share + WAITING:
            self._refuse(f"{place.users} calls of session {call.tenant} are under way, at most {self._share + WAITING}")
        place.users += 1
        try:
            await self._enter(place, call.tenant)
            try:
                return await self._inner(call)
            finally:
                place.free.release()
        finally:
            place.users -= 1
            if not place.users:
                del self._places[call.tenant]

    async def _enter(self, place: _Place, tenant: int) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                await place.free.acquire()
        except TimeoutError:
            self._refuse(f"no place among the {self._share} of session {tenant} became free in {WAIT_S:g} s")

    def _refuse(self, why: str) -> None:
        self._count("refused_share")
        raise CallRefused(f"{why}: send fewer at a time", answer=503)
