"""Events of a session, read from its state: the rows after a cursor, each with the cursor that follows it.

The state is the only memory of events. Nothing is queued for a client beyond the page that it is being sent, a gateway
that starts anew goes on where the old one stopped, and a slow client costs no memory.

Limit: rows are told in order of their ids, so the store must commit them in this order. SQLite and Redis do; in
PostgreSQL two artefacts of one session that are stored at the same moment may not, and the lower id may go untold.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Path

from perflab.gateway.state.interface import State
from perflab.gateway.state.records import Artefact, HistoryRow

FIRST_PAGE, PAGE = 4, 100
MOST_BEHIND = 1000  # rows of one kind that a client may have missed; beyond it, it reads the history
LAST_ID = 1 << 62
SessionId = Annotated[int, Path(ge=0, lt=LAST_ID)]  # SQL holds 63 bits
CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
Row = TypeVar("Row", HistoryRow, Artefact)


class TooFarBehind(Exception):
    """More than `MOST_BEHIND` rows have come since the cursor."""

    def __init__(self) -> None:
        super().__init__(f"over {MOST_BEHIND} events behind: read the history, then go on from its newest ids")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The newest history row and the newest artefact that a client has seen; written ``12-5``."""

    history: int = 0
    artefact: int = 0

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Return the cursor; raises ValueError."""
        found = CURSOR.fullmatch(text)
        if found is None:
            raise ValueError("a cursor is the id of the last event that you saw, such as 12-5")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.history}-{self.artefact}"


@dataclass(frozen=True, slots=True)
class Event:
    """One row that a client has not seen, and the cursor after it."""

    cursor: Cursor
    kind: str  # history or artefact
    row: HistoryRow | Artefact

    def body(self) -> dict[str, Any]:
        """Return the event as it is sent."""
        return {"id": str(self.cursor), "event": self.kind, "data": asdict(self.row)}


async def newest(state: State, session: int) -> Cursor:
    """Return the cursor of a client that wants to hear only what comes from now on."""
    history, artefacts = await state.history(session, LAST_ID, 1), await state.artefacts(session, 1)
    return Cursor(history[0].id if history else 0, artefacts[0].id if artefacts else 0)


async def events_after(state: State, session: int, cursor: Cursor) -> list[Event]:
    """Return what is new, oldest first, the history before the artefacts; raises TooFarBehind and StateUnavailable."""

    async def page(limit: int, before: int) -> list[HistoryRow]:
        return await state.history(session, before, limit)

    async def artefacts(limit: int, before: int) -> list[Artefact]:
        return [a for a in await state.artefacts(session, _reach(limit, before)) if a.id < before]

    events = []
    for row in await _newer(page, cursor.history):
        cursor = Cursor(row.id, cursor.artefact)
        events.append(Event(cursor, "history", row))
    for made in await _newer(artefacts, cursor.artefact):
        cursor = Cursor(cursor.history, made.id)
        events.append(Event(cursor, "artefact", made))
    return events


def _reach(limit: int, before: int) -> int:
    """Return how many artefacts to read: their pages have no `before`, so that the second page reads all at once."""
    return limit if before == LAST_ID else MOST_BEHIND + 1


async def _newer(page: Callable[[int, int], Awaitable[list[Row]]], after: int) -> list[Row]:
    """Return the rows with an id above `after`, oldest first; most often the first, short page has them all."""
    found: list[Row] = []
    limit, before = FIRST_PAGE, LAST_ID
    while True:
        rows = await page(limit, before)
        newer = [row for row in rows if row.id > after]
        found += newer
        if len(found) > MOST_BEHIND:
            raise TooFarBehind
        if len(newer) < len(rows) or len(rows) < limit:
            return found[::-1]
        limit, before = PAGE, rows[-1].id
