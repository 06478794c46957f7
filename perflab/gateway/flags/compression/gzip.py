"""gzip by the standard library's zlib at level 6, the default of servers and proxies."""

from __future__ import annotations

import zlib

from perflab.gateway.flags.compression import ByContent, same_for_all

TOKEN, LEVEL = "gzip", 6
GZIP_WINDOW = 31  # 15 bits of window, and a gzip header around the stream


def encode(body: bytes, level: int) -> bytes:
    """Return the body as gzip; no time stands in the header, so that equal bodies give equal bytes."""
    return zlib.compress(body, level, wbits=GZIP_WINDOW)


def build() -> ByContent:
    """Return the compression."""
    return same_for_all(TOKEN, LEVEL, encode)
