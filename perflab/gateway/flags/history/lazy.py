"""Heads first: a page says who spoke when; what was said comes row by row, when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.gateway.flags.history import Keeper
from perflab.gateway.flags.history.full import FullHistory
from perflab.gateway.state.interface import State
from perflab.gateway.state.records import HistoryHead, HistoryRow


class LazyHistory(FullHistory):
    """Pages without bodies; `GET .../history/ROW` gives a row whole, under every value of this flag.

    The price: who wants every text asks once for each row. It turns around at a share of rows that are opened.
    """

    def __init__(self, state: State, keeper: Keeper) -> None:
        super().__init__(state)
        self._keeper = keeper

    async def page(self, session: int, before: int, limit: int) -> Sequence[HistoryRow | HistoryHead]:
        """Return one page of heads; a cache of pages is passed by, it holds whole rows."""
        return await self._keeper.heads(session, before, limit)


def build(state: State, keeper: Keeper) -> LazyHistory:
    """Return the history."""
    return LazyHistory(state, keeper)
