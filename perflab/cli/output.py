"""Files that a user names for a command to write."""

from __future__ import annotations

from pathlib import Path

from perflab.errors import UsageError


def output_file(option: str, text: str) -> Path | None:
    """Return the file of an option, None for an empty one; refuses BEFORE measuring what cannot be written after it."""
    if not text:
        return None
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {text}", "it must be a file in a folder that exists")
    return path
