"""Write-behind: a write is acknowledged at once and committed within a moment; a crash loses that moment."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from perflab.gateway.flags.store import Statement, StoreSettings, Widen
from perflab.gateway.flags.store._threaded import ThreadedStore
from perflab.gateway.flags.store._writer import Job
from perflab.gateway.state.sessions import SessionState

log = logging.getLogger("perflab.gateway.store")
LINGER_S = 0.1


class WriteBehindStore(ThreadedStore):
    """Answers before the disk does. Reads do not see what still waits: at most `LINGER_S` and one commit old.

    While the file is locked or the disk is full, up to `limit` writes wait and are tried again, until the store is
    closed; the next is refused with StoreFull.
    """

    def __init__(self, path: Path, durability: str, limit: int) -> None:
        super().__init__(path, durability, limit, LINGER_S)
        self.durability = (
            f"acknowledged before it is committed, lost by a crash within about {LINGER_S:g} s; "
            f"write-ahead log, synchronous={durability}"
        )

    async def write(self, statements: Sequence[Statement]) -> None:
        """Queue the statements."""
        self._writer.put(Job(statements, _report, acknowledged=True))


def _report(key: int, error: Exception | None) -> None:
    if error is not None:
        log.error("a write that was already acknowledged is lost: %s", error)


def build(settings: StoreSettings, widen: Widen) -> SessionState:
    """Return the state."""
    return SessionState(WriteBehindStore(settings.path, settings.durability, settings.pending_writes), widen)
