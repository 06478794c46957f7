"""Readers of traces, one format per file; `registry` finds them."""
