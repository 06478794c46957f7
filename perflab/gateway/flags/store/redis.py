"""Redis: shared by several gateways, each write one script, acknowledged when the server says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from perflab.gateway.flags.store import StoreSettings, Widen
from perflab.gateway.flags.store._redis_link import RedisLink
from perflab.gateway.state import redis_scripts as scripts
from perflab.gateway.state.records import Artefact, HistoryHead, HistoryRow, SessionRow
from perflab.gateway.state.sessions import FIRST_API_ID, now_ms

if TYPE_CHECKING:
    from perflab.gateway.session.turn import Turn

FIELDS = ("user", "template", "status", "turns", "created_ms", "updated_ms")
OPEN, LAST_SESSION, LAST_HISTORY, LAST_ARTEFACT, ARTEFACT = (
    f"gw:{name}" for name in ("open", "last:session", "last:history", "last:artefact", "artefact")
)


class RedisState:
    """Session state in Redis' own types: a page of history is one range of a sorted set."""

    def __init__(self, link: RedisLink) -> None:
        self.link = link

    @property
    def durability(self) -> str:
        """When a write is safe, as the server tells it."""
        return self.link.durability or "not known before Redis was reached"

    @property
    def reachable(self) -> bool:
        """Whether the last access reached the server."""
        return self.link.reach.reachable

    def open(self) -> None:
        """Nothing is connected yet: a server that is away must not keep the gateway from starting."""

    async def close(self) -> None:
        """Close the connections."""
        await self.link.close()

    async def open_session(self, session: int, user: str, template: str) -> None:
        """Create the session, or open it again."""
        await self.link.run(scripts.OPEN_SESSION, (_session(session), OPEN), session, user, template, now_ms())

    async def create_session(self, user: str, template: str) -> SessionRow:
        """Create a session under the next free id and return its row."""
        now = now_ms()
        key = await self.link.run(
            scripts.CREATE_SESSION, (LAST_SESSION, OPEN), FIRST_API_ID, user, template, now
        )  # fmt: skip
        return SessionRow(int(key), user, template, "open", 0, now, now)

    async def close_session(self, session: int) -> None:
        """Mark a session closed."""
        await self.link.run(scripts.CLOSE_SESSION, (_session(session), OPEN), session, now_ms())

    async def close_sessions(self, sessions: Sequence[int]) -> None:
        """Mark these sessions closed."""
        await self.link.run(scripts.CLOSE_SESSIONS, (OPEN,), *sessions)

    async def record_turn(self, session: int, turn: Turn) -> None:
        """Store a finished turn."""
        now = now_ms()
        sides = [
            orjson.dumps([session, turn.id, "user", "".join(turn.heard), turn.speech_bytes, turn.outcome, now]),
            orjson.dumps([session, turn.id, "model", "".join(turn.said), turn.reply_bytes, turn.outcome, now]),
        ]
        await self.link.run(
            scripts.RECORD_TURN, _turn_keys(session), now, len(sides), *sides, *map(_packed, turn.artefacts)
        )

    async def add_artefact(self, artefact: Artefact) -> int:
        """Store an artefact and return its id."""
        keys = (_session(-1), *_turn_keys(artefact.session)[1:])  # no session has that id: no turn is counted
        return int(await self.link.run(scripts.RECORD_TURN, keys, 0, 0, _packed(artefact)))

    async def session(self, session: int) -> SessionRow | None:
        """Return one session, or None."""
        found = await self.link.read("HMGET", _session(session), *FIELDS)
        if found[0] is None:
            return None
        user, template, status = (value.decode() for value in found[:3])
        return SessionRow(session, user, template, status, *map(int, found[3:]))

    async def history(self, session: int, before: int, limit: int) -> list[HistoryRow]:
        """Return one page of a session's history, newest first."""
        rows = await self.link.read(
            "ZREVRANGEBYSCORE", f"gw:history:{session}", f"({before}", "-inf", "LIMIT", 0, limit
        )
        return [HistoryRow(*_unpacked(row)) for row in rows]

    async def heads(self, session: int, before: int, limit: int) -> list[HistoryHead]:
        """Return one page of a session's history without what was said; Redis keeps a row as one text and sends it."""
        return [
            HistoryHead(h.id, h.session, h.turn, h.role, h.audio_bytes, h.outcome, h.created_ms)
            for h in await self.history(session, before, limit)
        ]

    async def drop_history(self, session: int, keep: int) -> None:
        """Remove all but the newest `keep` rows of a session's history; repeating it is harmless."""
        await self.link.read("ZREMRANGEBYRANK", f"gw:history:{session}", 0, -(keep + 1))

    async def artefacts(self, session: int, limit: int) -> list[Artefact]:
        """Return a session's newest artefacts."""
        rows = await self.link.run(scripts.ARTEFACTS, (f"gw:artefacts:{session}", ARTEFACT), limit)
        return [Artefact(*_unpacked(row)) for row in rows]

    async def artefact(self, key: int) -> Artefact | None:
        """Return one artefact, or None."""
        row = await self.link.read("HGET", ARTEFACT, key)
        return Artefact(key, *orjson.loads(row)) if row is not None else None


def _session(number: int) -> str:
    return f"gw:session:{number}"


def _turn_keys(session: int) -> tuple[str, ...]:
    own = _session(session), f"gw:history:{session}"
    return (*own, LAST_HISTORY, f"gw:artefacts:{session}", LAST_ARTEFACT, ARTEFACT)


def _packed(a: Artefact) -> bytes:
    return orjson.dumps([a.session, a.turn, a.prompt, a.language, a.code, a.explanation, a.created_ms])


def _unpacked(row: bytes) -> list[Any]:
    key, _, body = row.partition(b":")
    return [int(key), *orjson.loads(body)]


def build(settings: StoreSettings, widen: Widen) -> RedisState:
    """Return the state; nothing is connected before the first access, and there is no SQL to widen."""
    return RedisState(RedisLink(settings))
