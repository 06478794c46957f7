"""Caches: the laboratory (traces, policies, curves, models) and, in `live`, the caches that a process runs with."""
