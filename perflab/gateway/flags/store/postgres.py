"""PostgreSQL: shared by several gateways, a write acknowledged after its commit."""

from __future__ import annotations

from perflab.gateway.flags.store import StateUnavailable, StoreSettings, Widen
from perflab.gateway.flags.store._postgres import PostgresStore
from perflab.gateway.state.records import SessionRow
from perflab.gateway.state.sessions import SessionState, now_ms

TRIES = 20
CREATE = """INSERT INTO sessions VALUES (nextval('api_sessions'), ?, ?, 'open', 0, ?, ?)
            ON CONFLICT (id) DO NOTHING"""


class PostgresState(SessionState):
    """The same SQL, but for ids: a sequence, because the highest row is not the highest under way elsewhere."""

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session under the next id that no voice client chose, and return its row."""
        now = now_ms()
        for _ in range(TRIES):
            if key := await self.store.insert((CREATE, (user, template, now, now))):
                return SessionRow(key, user, template, "open", 0, now, now)
        raise StateUnavailable(f"{TRIES} ids in a row are taken by voice clients")


def build(settings: StoreSettings, widen: Widen) -> SessionState:
    """Return the state; nothing is connected before the first access."""
    return PostgresState(PostgresStore(settings), widen)
