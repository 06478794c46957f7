"""Write-ahead log and group commit on a writer thread; a write is acknowledged after its commit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perflab.gateway.flags.store import Statement, StoreSettings, Widen
from perflab.gateway.flags.store._threaded import ThreadedStore
from perflab.gateway.state.sessions import SessionState


class WalBatchedStore(ThreadedStore):
    """One sync serves every write that waited for it, and the event loop waits for none."""

    def __init__(self, path: Path, durability: str, limit: int) -> None:
        super().__init__(path, durability, limit, linger_s=0.0)
        self.durability = f"committed in a group before it is acknowledged; write-ahead log, synchronous={durability}"

    async def write(self, statements: Sequence[Statement]) -> None:
        """Hand the statements to the writer and wait for their commit."""
        await self._commit(statements)


def build(settings: StoreSettings, widen: Widen) -> SessionState:
    """Return the state."""
    return SessionState(WalBatchedStore(settings.path, settings.durability, settings.pending_writes), widen)
