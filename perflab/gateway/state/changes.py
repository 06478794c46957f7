"""Changes of the session state as values: what a write-behind cache acknowledges now and stores later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn


@dataclass(frozen=True, slots=True)
class Opened:
    """A session was created, or opened again, at a time in Unix milliseconds."""

    session: int
    user: str
    template: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Closed:
    """A session was closed."""

    session: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A turn ended; nobody changes a turn that has ended."""

    session: int
    turn: Turn
    at_ms: int


Change = Opened | Closed | TurnEnded


@runtime_checkable
class Batching(Protocol):
    """A state that stores several changes as one transaction."""

    async def apply(self, changes: Sequence[Change]) -> None:
        """Store the changes in their order, all or none."""


class PartlyStored(Exception):
    """Of changes that a state takes one by one the first `stored` are stored; the next failed, as the cause says."""

    def __init__(self, stored: int) -> None:
        super().__init__(f"only the first {stored} changes are stored")
        self.stored = stored


async def apply_changes(state: Any, changes: Sequence[Change]) -> None:
    """Store changes in their order: as one transaction where the state can, else one by one.

    One by one, the store stamps its own time, and a failure after the first is PartlyStored: who sends all of them
    again would store some twice.
    """
    if isinstance(state, Batching):
        await state.apply(changes)
        return
    for number, change in enumerate(changes):
        try:
            await _apply(state, change)
        except Exception as error:
            if not number:
                raise
            raise PartlyStored(number) from error


async def _apply(state: Any, change: Change) -> None:
    if isinstance(change, Opened):
        await state.open_session(change.session, change.user, change.template)
    elif isinstance(change, Closed):
        await state.close_session(change.session)
    else:
        await state.record_turn(change.session, change.turn)
