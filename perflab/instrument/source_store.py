"""Where line spans are read from: the disk, remembering what was read, or the sources that a run kept.

A table depends on the sources of its frames. Whoever optimises edits them, so a run keeps exactly those files that
its parsing read, and a capture is parsed again from them: the same bytes, whatever lies on the disk by then.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perflab.errors import RunCorrupt

MAX_BYTES = 64_000_000  # of sources in one archive, unpacked
_kept: dict[str, bytes] | None = None
_read: dict[str, bytes] = {}


def read_source(path: Path) -> bytes:
    """Return a source file, from the kept ones inside `kept_sources`; raises FileNotFoundError where it is unknown."""
    if _kept is not None:
        if str(path) not in _kept:
            raise FileNotFoundError(str(path))
        return _kept[str(path)]
    _read[str(path)] = body = path.read_bytes()
    return body


def has_source(path: Path) -> bool:
    """Whether `read_source` would find the file."""
    return path.is_file() if _kept is None else str(path) in _kept


@contextmanager
def recorded_sources() -> Iterator[dict[str, bytes]]:
    """Collect every file that is read inside: path to content."""
    _forget()
    _read.clear()
    yield _read


@contextmanager
def kept_sources(files: dict[str, bytes]) -> Iterator[None]:
    """Read from `files` alone inside."""
    global _kept
    _forget()
    _kept = files
    try:
        yield
    finally:
        _kept = None
        _forget()


def _forget() -> None:
    from perflab.instrument.source_map import file_spans
    from perflab.instrument.stacks import place

    file_spans.cache_clear()
    place.cache_clear()


def pack(files: dict[str, bytes]) -> bytes:
    """Return a zip archive; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unpack(path: Path) -> dict[str, bytes]:
    """Read an archive into memory (nothing is written to the disk); raises RunCorrupt when it is none, or too large."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
                raise RunCorrupt(f"{path.name} holds more than {MAX_BYTES // 10**6} MB of sources", "", "Capture again")
            return {"/" + info.filename.lstrip("/"): archive.read(info) for info in archive.infolist()}
    except (OSError, zipfile.BadZipFile) as error:
        raise RunCorrupt(f"{path.name} is no archive of sources ({error})", "", "Capture again") from None
