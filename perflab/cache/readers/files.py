"""Opening a trace file: what is no trace at all is told in one line before anything is parsed."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from perflab.cache.trace import MOST_REQUESTS
from perflab.errors import UsageError

LONGEST_LINE = 65_536  # bytes: an access log's line with a long query is a few thousand
_COMPRESSED = {b"\x28\xb5\x2f\xfd": "zstd -d", b"\x1f\x8b": "gunzip", b"\xfd7zXZ": "unxz", b"BZh": "bunzip2"}


def shown(path: Path) -> str:
    """Return the path as messages name it, control characters made visible and cut to 120 letters."""
    return "".join(c if c.isprintable() else "?" for c in str(path))[-120:]


def opened_size(path: Path) -> int:
    """Return the size of a file that can be a trace; raises UsageError when it is missing, empty or compressed."""
    try:
        with path.open("rb") as file:
            head = file.read(6)
            size = path.stat().st_size
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read ({error.strerror})", "a trace file") from error
    if not head:
        raise UsageError(f"{shown(path)} is empty", "a trace with at least one request")
    for magic, command in _COMPRESSED.items():
        if head.startswith(magic):
            raise UsageError(f"{shown(path)} is compressed", "a plain file", f"Unpack it first: {command} FILE")
    return size


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Return number and text of each line that is not blank, without the byte order mark that spreadsheets write.

    Bytes that are no UTF-8 stay apart (as surrogates): replaced by one sign, unlike objects would become one.
    Raises UsageError for a line longer than 64 KiB, a zero byte (a binary file) and more lines than a trace may have.
    """
    opened_size(path)
    with path.open("rb") as file:
        for number in range(1, MOST_REQUESTS + 2):
            raw = file.readline(LONGEST_LINE + 1)
            if not raw:
                return
            if len(raw) > LONGEST_LINE or b"\0" in raw:
                what = "a zero byte" if b"\0" in raw else f"more than {LONGEST_LINE} bytes"
                raise UsageError(f"{shown(path)} has {what} in line {number}", "lines of text", "Is it a binary trace?")
            raw = raw.removeprefix(BOM_UTF8) if number == 1 else raw
            if text := raw.decode("utf-8", "surrogateescape").strip():
                yield number, text
    raise UsageError(f"{shown(path)} has more than {MOST_REQUESTS:,} lines", "a shorter trace")


def excerpt(text: str, length: int = 60) -> str:
    """Return the beginning of a line as messages quote it."""
    cut = text if len(text) <= length else text[:length] + "..."
    return repr("".join(c if c.isprintable() else "?" for c in cut))
