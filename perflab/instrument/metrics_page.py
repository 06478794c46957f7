"""The metrics page of a system, kept as it stood when a load ended."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from perflab.runs import write_atomic

LARGEST = 4 << 20
PATIENCE_S = 2.0


def keep_page(url: str, path: Path) -> bool:
    """Write the page at `url` to `path`; return whether there was one.

    A system that does not answer within 2 s, or with an error, or with more than 4 MiB, leaves no page: a load that
    has drowned it must not hold the run up, and that it could not be read is for the reader of the page to say.
    """
    if not url.startswith(("http://", "https://")):
        return False
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=PATIENCE_S) as answer:
            body = answer.read(LARGEST + 1)
    except (urllib.error.URLError, HTTPException, OSError, ValueError):
        return False
    if len(body) > LARGEST:
        return False
    write_atomic(path, body.decode("utf-8", "replace"))
    return True
