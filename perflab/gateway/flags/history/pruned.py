"""A window: the newest turns are kept, older ones are dropped every few turns, and once a summary stands for them."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from perflab.gateway.flags.history import Keeper
from perflab.gateway.flags.history.full import FullHistory
from perflab.gateway.state.interface import State

WINDOW_TURNS, EVERY_TURNS = 50, 10
SIDES = 2  # rows of a turn


class PrunedHistory(FullHistory):
    """Drops what lies before the window, beside the work and not in its way.

    Declared loss: the words of turns before the window are gone; a session's count of turns and its artefacts stay,
    among them summaries made before. Between two clearings up to `EVERY_TURNS` more are there. A clearing that
    fails, for instance because the store is away, is made up for by the next one.
    """

    def __init__(self, state: State, keeper: Keeper) -> None:
        super().__init__(state)
        self._keeper = keeper

    def grown(self, session: int, turn: int) -> Coroutine[Any, Any, None] | None:
        """Clear up at every few turns."""
        return self._clear(session) if turn % EVERY_TURNS == 0 else None

    def summed_up(self, session: int) -> Coroutine[Any, Any, None]:
        """Clear up: the summary holds what the turns before the window came to."""
        return self._clear(session)

    async def _clear(self, session: int) -> None:
        await self._keeper.drop_history(session, WINDOW_TURNS * SIDES)


def build(state: State, keeper: Keeper) -> PrunedHistory:
    """Return the history."""
    return PrunedHistory(state, keeper)
