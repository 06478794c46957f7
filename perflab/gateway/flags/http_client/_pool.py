"""How large the shared pool of connections to the code generator is, whatever library keeps it."""

MAX_CONNECTIONS = 100
KEEPALIVE_S = 30.0
