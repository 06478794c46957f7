"""The access log of one's own system: Common or Combined Log Format, as nginx and Apache write by default."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from perflab.cache.readers.files import excerpt, lines, shown
from perflab.cache.readers.named import NamedRequests
from perflab.cache.trace import LARGEST_OBJECT, Trace
from perflab.errors import UsageError

FORMAT = "access-log"
SUFFIXES = (".log", ".access")
CACHED_METHODS = ("GET", "HEAD")
_LINE = re.compile(
    r"\S+ \S+ [^\[]{0,256}\[(?P<time>[^\]]{20,32})\] "
    r'"(?P<asked>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<size>\d{1,13}|-)(?: |$)'
)
_ODD_SHARE = 0.01  # of lines that are no log lines: rotation and crashes leave a few


def read(path: Path, *, name: str = "", sizes: bool = True) -> Trace:
    """Return the successful GET and HEAD requests (status 2xx and 304), the whole path with its query as the object.

    Other requests are skipped and counted: a cache does not answer them. The size is that of the reply's body, at
    least 1; a 304 has none, so it counts 1 byte if its object was not seen before. Lines are put in order of time,
    because servers write them when a request ends. Up to 1 % of the lines may be no log lines (a rotation cuts one);
    raises UsageError with the first of them beyond that, and when no request is left.
    """
    found, odd, count, first = NamedRequests(), 0, 0, ""
    known: dict[str, int] = {}
    for number, text in lines(path):
        count += 1
        match = _LINE.match(text)
        time = _seconds(match["time"]) if match else None
        asked = match["asked"].split(" ") if match else []
        if match is None or time is None:
            odd, first = odd + 1, first or f"{excerpt(text)} in line {number}"
            continue
        if (
            len(asked) < 2
            or asked[0] not in CACHED_METHODS
            or not (match["status"][0] == "2" or match["status"] == "304")
        ):
            found.skipped += 1
            continue
        body = 0 if match["size"] == "-" else min(int(match["size"]), LARGEST_OBJECT)
        size = known[asked[1]] = max(1, body) if body or asked[1] not in known else known[asked[1]]
        found.add(asked[1], size if sizes else None, time)
    if odd > max(1, _ODD_SHARE * count) or odd == count:
        raise UsageError(f"{shown(path)} has {odd} of {count} lines that are no log lines, the first {first}",
                         'such as: 127.0.0.1 - - [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5')  # fmt: skip
    found.skipped += odd
    if count == found.skipped:
        raise UsageError(f"{shown(path)} has no successful GET request in {count} lines", "at least one")
    return found.trace(name or path.name, ordered=True)


@lru_cache(maxsize=4)  # the lines of one second follow one another
def _seconds(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").timestamp()
    except ValueError:
        return None
