"""Caches between clients and the system: what an edge saves the origin, and what of it is stale."""
