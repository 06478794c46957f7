"""A store that keeps nothing: what the client itself takes of its core and of the schedule, as a control."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn


class Accessed(Protocol):
    """What the client uses of a store."""

    @property
    def durability(self) -> str:
        """When a write is safe, in words."""

    def open(self) -> None:
        """Get ready, inside the event loop."""

    async def close(self) -> None:
        """Finish waiting writes and let go."""

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn."""

    async def session(self, session: int) -> object:
        """Return one session."""

    async def history(self, session: int, before: int, limit: int) -> object:
        """Return one page of a session's history."""


class Nothing:
    """Answers every access after one turn of the event loop, which every store takes at least."""

    durability = "kept nowhere"

    def open(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Nothing is held."""

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Keep nothing."""
        await asyncio.sleep(0)

    async def session(self, session: int) -> object:
        """Return something that is no refusal."""
        await asyncio.sleep(0)
        return True

    async def history(self, session: int, before: int, limit: int) -> object:
        """Return something that is no refusal."""
        await asyncio.sleep(0)
        return True
