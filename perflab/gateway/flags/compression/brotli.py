"""Brotli (RFC 7932) at quality 4: made for web text; its highest qualities are for files that are coded once."""

from __future__ import annotations

import brotli

from perflab.gateway.flags.compression import ByContent, same_for_all

TOKEN, LEVEL = "br", 4


def encode(body: bytes, level: int) -> bytes:
    """Return the body as Brotli."""
    return bytes(brotli.compress(body, quality=level, mode=brotli.MODE_TEXT))


def build() -> ByContent:
    """Return the compression."""
    return same_for_all(TOKEN, LEVEL, encode)
