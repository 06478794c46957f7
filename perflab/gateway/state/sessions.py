"""The operations on session state by SQL, each one access to the store: a transaction or a query."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from perflab.gateway.flags.store import Statement, Store, Widen
from perflab.gateway.state.changes import Change, Closed, Opened, TurnEnded
from perflab.gateway.state.records import Artefact, HistoryHead, HistoryRow, SessionRow

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn

FIRST_API_ID = 1_000_000  # ids that the API hands out do not meet the numbers that voice clients choose
HISTORY_PAGE = """SELECT id, session, turn, role, text, audio_bytes, outcome, created_ms FROM history
                  WHERE session = ? AND id < ? ORDER BY id DESC LIMIT ?"""
HISTORY_HEADS = """SELECT id, session, turn, role, audio_bytes, outcome, created_ms FROM history
                   WHERE session = ? AND id < ? ORDER BY id DESC LIMIT ?"""
DROP_HISTORY = """DELETE FROM history WHERE session = ? AND id < (SELECT min(id) FROM
                  (SELECT id FROM history WHERE session = ? ORDER BY id DESC LIMIT ?) AS kept)"""
OPEN_SESSION = """INSERT INTO sessions VALUES (?, ?, ?, 'open', 0, ?, ?) ON CONFLICT (id) DO UPDATE SET
                  "user" = excluded."user", template = excluded.template, status = 'open',
                  updated_ms = excluded.updated_ms"""
CLOSE_SESSION = "UPDATE sessions SET status = 'closed', updated_ms = ? WHERE id = ?"
CLOSE_SESSIONS = "UPDATE sessions SET status = 'closed' WHERE status = 'open' AND id IN"
MOST_KEYS = 10_000  # of a statement; SQLite and PostgreSQL take over 32,000
INSERT_HISTORY = (
    "INSERT INTO history (session, turn, role, text, audio_bytes, outcome, created_ms) VALUES (?,?,?,?,?,?,?)"
)
ARTEFACTS = "SELECT id, session, turn, prompt, language, code, explanation, created_ms FROM artefacts"


def now_ms() -> int:
    """Return Unix time in milliseconds, for people; durations come from the marks."""
    return time.time_ns() // 1_000_000


class SessionState:
    """Sessions, their history and their artefacts."""

    def __init__(self, store: Store, widen: Widen = lambda sql: sql) -> None:
        self.store = store
        self._history_page = widen(HISTORY_PAGE)

    @property
    def durability(self) -> str:
        """When a write is safe, in words."""
        return self.store.durability

    @property
    def reachable(self) -> bool:
        """Whether the last access reached the store."""
        return self.store.reachable

    def open(self) -> None:
        """Get the store ready."""
        self.store.open()

    async def close(self) -> None:
        """Finish waiting writes and let go of the store."""
        await self.store.close()

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Create the session's row, or open it again."""
        await self.apply([Opened(session, user, template, now_ms())])

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session under the next free id and return its row."""
        now = now_ms()
        key = await self.store.insert((
            "INSERT INTO sessions SELECT max(coalesce(max(id), 0) + 1, ?), ?, ?, 'open', 0, ?, ? FROM sessions",
            (FIRST_API_ID, user, template, now, now),
        ))  # fmt: skip
        return SessionRow(key, user, template, "open", 0, now, now)

    async def close_session(self, session: int) -> None:
        """Mark a session closed."""
        await self.apply([Closed(session, now_ms())])

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Mark these sessions closed as one transaction: the gateway that has them open stops."""
        parts = [tuple(sessions[first : first + MOST_KEYS]) for first in range(0, len(sessions), MOST_KEYS)]
        await self.store.write([(f"{CLOSE_SESSIONS} ({_places(part)})", part) for part in parts])

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn: the session's row, what both sides said, and the code that it produced."""
        await self.apply([TurnEnded(session, turn, now_ms())])

    async def apply(self, changes: Sequence[Change]) -> None:
        """Store changes in their order as one transaction."""
        await self.store.write([statement for change in changes for statement in _statements(change)])

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and return its id."""
        return await self.store.insert(_insert_artefact(artefact))

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None."""
        rows = await self.store.read("SELECT * FROM sessions WHERE id = ?", (session,))
        return SessionRow(*rows[0]) if rows else None

    async def history(self, session: int, before: int, limit: int) -> list[HistoryRow]:
        """Return one page of a session's history, newest first."""
        return [HistoryRow(*row) for row in await self.store.read(self._history_page, (session, before, limit))]

    async def heads(self, session: int, before: int, limit: int) -> list[HistoryHead]:
        """Return one page of a session's history without what was said, newest first."""
        return [HistoryHead(*row) for row in await self.store.read(HISTORY_HEADS, (session, before, limit))]

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history."""
        await self.store.write([(DROP_HISTORY, (session, session, keep))])

    async def sessions(self, keys: Sequence[int]) -> dict[int, SessionRow]:
        """Return the sessions of these ids that there are, by id, in one query."""
        rows = await self.store.read(f"SELECT * FROM sessions WHERE id IN ({_places(keys)})", tuple(keys))
        return {int(row[0]): SessionRow(*row) for row in rows}

    async def artefacts_by_id(self, keys: Sequence[int]) -> dict[int, Artefact]:
        """Return the artefacts of these ids that there are, by id, in one query."""
        rows = await self.store.read(f"{ARTEFACTS} WHERE id IN ({_places(keys)})", tuple(keys))
        return {int(row[0]): Artefact(*row) for row in rows}

    async def artefacts(self, session: int, limit: int) -> list[Artefact]:
        """Return a session's newest artefacts."""
        rows = await self.store.read(f"{ARTEFACTS} WHERE session = ? ORDER BY id DESC LIMIT ?", (session, limit))
        return [Artefact(*row) for row in rows]

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None."""
        rows = await self.store.read(f"{ARTEFACTS} WHERE id = ?", (key,))
        return Artefact(*rows[0]) if rows else None


def _insert_artefact(a: Artefact) -> Statement:
    return (
        "INSERT INTO artefacts (session, turn, prompt, language, code, explanation, created_ms) VALUES (?,?,?,?,?,?,?)",
        (a.session, a.turn, a.prompt, a.language, a.code, a.explanation, a.created_ms),
    )


def _places(keys: Sequence[int]) -> str:
    return ", ".join("?" for _ in keys)


def _statements(change: Change) -> list[Statement]:
    if isinstance(change, Opened):
        return [(OPEN_SESSION, (change.session, change.user, change.template, change.at_ms, change.at_ms))]
    if isinstance(change, Closed):
        return [(CLOSE_SESSION, (change.at_ms, change.session))]
    now, session, turn = change.at_ms, change.session, change.turn
    return [
        ("UPDATE sessions SET turns = turns + 1, updated_ms = ? WHERE id = ?", (now, session)),
        (INSERT_HISTORY, (session, turn.id, "user", "".join(turn.heard), turn.speech_bytes, turn.outcome, now)),
        (INSERT_HISTORY, (session, turn.id, "model", "".join(turn.said), turn.reply_bytes, turn.outcome, now)),
        *(_insert_artefact(artefact) for artefact in turn.artefacts),
    ]
