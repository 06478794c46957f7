"""The coding by the class of what is sent: cheap for pages that change with every turn, dense for what rarely changes.

Zstandard first, ISA-L's gzip for clients without it; templates go as Brotli, which brings a dictionary of web text and
so gains most on short texts.
"""

from __future__ import annotations

from perflab.gateway.flags.compression import ByContent, Coder
from perflab.gateway.flags.compression import brotli as br
from perflab.gateway.flags.compression import isal as gz
from perflab.gateway.flags.compression import zstd as zs

GZIP = Coder("gzip", 2, gz.encode)


def build() -> ByContent:
    """Return the compression."""
    return ByContent({
        "history": (Coder(zs.TOKEN, 1, zs.encode), GZIP),
        "code": (Coder(zs.TOKEN, 3, zs.encode), GZIP),
        "template": (Coder(br.TOKEN, 5, br.encode), Coder(zs.TOKEN, 3, zs.encode), GZIP),
    })  # fmt: skip
