"""Find the readers: a module of this package with a FORMAT is one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, cast

import perflab.cache.readers as package
from perflab.cache.readers.files import shown
from perflab.cache.trace import Trace
from perflab.errors import UsageError


class Reader(Protocol):
    """A module of this package: the name of its format, the suffixes that tell it, and the function that reads it."""

    FORMAT: str
    SUFFIXES: tuple[str, ...]

    @staticmethod
    def read(path: Path, *, name: str = "", sizes: bool = True) -> Trace:
        """Return the trace; `sizes=False` counts every object as one."""
        ...


@cache
def readers() -> dict[str, Reader]:
    """Return all readers by format."""
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    return {module.FORMAT: cast(Reader, module) for module in modules if hasattr(module, "FORMAT")}


def read_trace(path: str | Path, kind: str = "", *, name: str = "", sizes: bool = True) -> Trace:
    """Read a trace of the format `kind`, or of the one that the file's suffix tells when it is empty.

    Raises UsageError, in one line, for an unknown format and for whatever is wrong with the file, with the place.
    """
    file, lower = Path(path), str(path).lower()
    told = [form for form, reader in readers().items() if lower.endswith(reader.SUFFIXES)]
    chosen = kind or (told[0] if told else "")
    if chosen not in readers():
        given = f"Trace format {kind!r}" if kind else f"{shown(file)} has a suffix of no trace format"
        raise UsageError(given, f"formats are {', '.join(readers())}", "Name the format of the trace")
    return readers()[chosen].read(file, name=name, sizes=sizes)
