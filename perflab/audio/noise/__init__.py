"""Noises that are the same for the same seed, and speech mixed with them at a stated ratio."""
