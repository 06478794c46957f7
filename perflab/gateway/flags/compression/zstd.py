"""Zstandard (RFC 8878) at level 3, its default."""

from __future__ import annotations

from functools import lru_cache

import zstandard

from perflab.gateway.flags.compression import ByContent, same_for_all

TOKEN, LEVEL = "zstd", 3


@lru_cache(maxsize=32)
def _compressor(level: int) -> zstandard.ZstdCompressor:
    """Return the compressor of a level; its tables are made once. Used by one thread only, the event loop's."""
    return zstandard.ZstdCompressor(level=level)


def encode(body: bytes, level: int) -> bytes:
    """Return the body as one Zstandard frame."""
    return bytes(_compressor(level).compress(body))


def build() -> ByContent:
    """Return the compression."""
    return same_for_all(TOKEN, LEVEL, encode)
