"""How the servers of this family are set, and by which variables the gateway's stores are told of them."""

from __future__ import annotations

from perflab.benches.state.place import Served
from perflab.gateway.settings import POSTGRES_URL, REDIS_URL
from perflab.system.servers.kinds import Settings

# Redis syncs before it acknowledges, as the other stores do; PostgreSQL does so by default.
SERVER_SETTINGS: dict[str, Settings] = {"redis": {"appendonly": True, "appendfsync": "always"}, "postgres": {}}
VARIABLES = {"redis": REDIS_URL, "postgres": POSTGRES_URL}


def server_of(store: str, settings: Settings | None = None) -> Served | None:
    """Return the server that a store needs, set as the others are or otherwise; None for one that is a file."""
    if store not in VARIABLES:
        return None
    return Served(store, VARIABLES[store], SERVER_SETTINGS[store] if settings is None else settings)
