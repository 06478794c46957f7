"""Strategies as experiments: each one lays a flag over a base variant and drives the real system by its own work."""
