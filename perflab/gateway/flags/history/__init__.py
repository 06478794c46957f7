"""Flag `history`: how much of a session's past is kept and shown. A value offers `build(state, keeper) -> History`.

`state` is what the gateway reads, `keeper` the store below it.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from perflab.gateway.state.records import HistoryHead, HistoryRow

BASELINE = "full"


class Keeper(Protocol):
    """What a store offers beside whole pages."""

    async def heads(self, session: int, before: int, limit: int) -> list[HistoryHead]:
        """Return one page of a session's history without what was said, newest first."""

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history; done twice it does no more."""


class History(Protocol):
    """What the API shows of a session's past, and what is done as it grows."""

    async def page(self, session: int, before: int, limit: int) -> Sequence[HistoryRow | HistoryHead]:
        """Return one page, newest first."""

    def grown(self, session: int, turn: int) -> Coroutine[Any, Any, None] | None:
        """Return the chore that a stored turn leaves behind, if any."""

    def summed_up(self, session: int) -> Coroutine[Any, Any, None] | None:
        """Return the chore that a stored summary leaves behind, if any."""
