"""Experiments: system, load and instruments together, from which samples come and from samples findings."""
