"""Figures, one family per file; each function takes a plain table and returns a Figure."""
