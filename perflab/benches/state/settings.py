"""How the servers of this family are set, and by which variables the gateway's stores are told of them."""

from __future__ import annotations

from perflab.gateway.settings import POSTGRES_URL, REDIS_URL
from perflab.system.servers.kinds import Settings

# Redis syncs before it acknowledges, as the other stores do; PostgreSQL does so by default.
SERVER_SETTINGS: dict[str, Settings] = {"redis": {"appendonly": True, "appendfsync": "always"}, "postgres": {}}
VARIABLES = {"redis": REDIS_URL, "postgres": POSTGRES_URL}
