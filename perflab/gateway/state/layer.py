"""A layer over the session state: what it does not change, it hands down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from perflab.gateway.state.changes import Change, apply_changes
from perflab.gateway.state.interface import State
from perflab.gateway.state.records import Artefact, HistoryHead, HistoryRow, SessionRow

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn


class Kept(State, Protocol):
    """A state with what the history flag asks of a store beside it."""

    async def heads(self, session: int, before: int, limit: int) -> list[HistoryHead]:
        """Return one page of a session's history without what was said, newest first."""

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history."""


class Layer:
    """Hands every operation to the state below."""

    def __init__(self, below: Kept) -> None:
        self.below = below

    def counted(self) -> Mapping[str, int]:
        """Return what this layer and those below count for Prometheus, by name; a layer adds its own."""
        return self.below.counted() if isinstance(self.below, Layer) else {}

    @property
    def durability(self) -> str:
        """When a write is safe, in words."""
        return self.below.durability

    @property
    def reachable(self) -> bool:
        """Whether the last access reached the store."""
        return self.below.reachable

    def open(self) -> None:
        """Get ready."""
        self.below.open()

    async def close(self) -> None:
        """Let go."""
        await self.below.close()

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Create the session's row, or open it again."""
        await self.below.open_session(session, user, template)

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session under the next free id and return its row."""
        return await self.below.create_session(user, template)

    async def close_session(self, session: int) -> None:
        """Mark a session closed."""
        await self.below.close_session(session)

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Mark these sessions closed."""
        await self.below.close_sessions(sessions)

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn."""
        await self.below.record_turn(session, turn)

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and return its id."""
        return await self.below.add_artefact(artefact)

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history."""
        await self.below.drop_history(session, keep)

    async def apply(self, changes: Sequence[Change]) -> None:
        """Store several changes at once."""
        await apply_changes(self.below, changes)

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None."""
        return await self.below.session(session)

    async def history(self, session: int, before: int, limit: int) -> list[HistoryRow]:
        """Return one page of a session's history, newest first."""
        return await self.below.history(session, before, limit)

    async def heads(self, session: int, before: int, limit: int) -> list[HistoryHead]:
        """Return one page of a session's history without what was said; never cached, they are small."""
        return await self.below.heads(session, before, limit)

    async def artefacts(self, session: int, limit: int) -> list[Artefact]:
        """Return a session's newest artefacts."""
        return await self.below.artefacts(session, limit)

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None."""
        return await self.below.artefact(key)
