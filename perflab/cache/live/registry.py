"""Find the libraries of live caches, and open one."""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata
from pkgutil import iter_modules
from typing import Any, cast

import perflab.cache.live as package
from perflab.cache.live.interface import Library
from perflab.errors import UsageError

LARGEST = 1 << 31
_BUILT_IN = "functools"


@cache
def libraries() -> dict[str, Library]:
    """Return all libraries by name, installed or not."""
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    return {module.LIBRARY: cast(Library, module) for module in modules if hasattr(module, "LIBRARY")}


def version_of(library: str) -> str:
    """Return the installed version, Python's for what it carries itself, and an empty text for what is missing."""
    import platform

    if library == _BUILT_IN:
        return f"Python {platform.python_version()}"
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def open_cache(library: str, policy: str, capacity: int) -> Any:
    """Return an empty cache of a library; raises UsageError for one that is unknown or missing, and a capacity of 0."""
    found = libraries().get(library)
    if found is None or policy not in found.POLICIES:
        offered = "; ".join(f"{name}: {', '.join(module.POLICIES)}" for name, module in libraries().items())
        raise UsageError(f"No live cache {library!r} with {policy!r}", offered)
    if isinstance(capacity, bool) or not isinstance(capacity, int) or not 1 <= capacity <= LARGEST:
        raise UsageError(f"A live cache of {capacity} objects", f"a whole number from 1 to {LARGEST}")
    if not version_of(library):
        raise UsageError(f"{library} is not installed", "", f"Install it: pip install {library}")
    return found.make(policy, capacity)
