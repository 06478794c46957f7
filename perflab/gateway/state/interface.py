"""What the gateway asks of its session state, however it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from perflab.gateway.state.records import Artefact, HistoryRow, SessionRow

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn


class State(Protocol):
    """Sessions, their history and their artefacts. Every operation may raise StateUnavailable.

    `durability` says in words when a write is safe; `reachable` is what the last access found.
    """

    @property
    def durability(self) -> str:
        """When a write is safe, in words."""

    @property
    def reachable(self) -> bool:
        """Whether the last access reached the store."""

    def open(self) -> None:
        """Get ready, inside the event loop; a server that is away is no error, each access looks for it again."""

    async def close(self) -> None:
        """Finish waiting writes and let go of file or server."""

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Create the session's row, or open it again."""

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session under the next free id and return its row."""

    async def close_session(self, session: int) -> None:
        """Mark a session closed."""

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Mark these sessions closed, in one write where the store can."""

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn: the session's row, what both sides said, and the code that it produced."""

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and return its id."""

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None."""

    async def history(self, session: int, before: int, limit: int) -> list[HistoryRow]:
        """Return one page of a session's history, newest first."""

    async def artefacts(self, session: int, limit: int) -> list[Artefact]:
        """Return a session's newest artefacts."""

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None."""
