"""What a client is asked to do at a store. Known to whoever starts one, so that nobody need import the client itself.

The client works inside the gateway's own code; experiments reach that through a process alone.
"""

from __future__ import annotations

from dataclasses import dataclass

READ_SESSION, READ_HISTORY, WRITE_TURN = 0, 1, 2
NO_STORE = "none"  # answers at once and keeps nothing: what the client takes by itself
WRITES = 0.2


@dataclass(frozen=True)
class Load:
    """Open arrivals at `rate_per_s` for `seconds`; a share of `writes` record a turn, the rest read session or page.

    At a rate of 0 the store is opened, which makes its tables, and closed again.
    """

    store: str
    path: str
    rate_per_s: float
    seconds: float
    sessions: int
    writes: float = WRITES
    seed: int = 7
    pool: int = 8
    core: int = -1
