"""Whole rows, and all of them for ever: what a table gives by itself."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

from perflab.gateway.flags.history import Keeper
from perflab.gateway.state.interface import State
from perflab.gateway.state.records import HistoryHead, HistoryRow


class FullHistory:
    """Keeps and shows everything."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def page(self, session: int, before: int, limit: int) -> Sequence[HistoryRow | HistoryHead]:
        """Return one page of whole rows."""
        return await self._state.history(session, before, limit)

    def grown(self, session: int, turn: int) -> Coroutine[Any, Any, None] | None:
        """Nothing is left to do."""
        return None

    def summed_up(self, session: int) -> Coroutine[Any, Any, None] | None:
        """Nothing is left to do."""
        return None


def build(state: State, keeper: Keeper) -> FullHistory:
    """Return the history."""
    return FullHistory(state)
