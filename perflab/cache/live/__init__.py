"""Caches that a process runs with: the only part of `perflab.cache` that a system under test may import."""
