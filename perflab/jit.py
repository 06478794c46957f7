"""numba's njit, with a cache on disk that knows what a function was made of.

numba keeps compiled code beside the source and compiles anew when that one file changes. What the function took from
other files, inlined functions and constants alike, is frozen into it: after an update of those it goes on computing
what they once said. Here the contents of every file of this package that a function's own file imports, directly or
not, belong to the stamp.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba

ROOT = Path(__file__).parent
_IMPORT = re.compile(r"^\s*from\s+(\w+(?:\.\w+)*)\s+import\s+(\([^)]*\)|[^\n]*)", re.MULTILINE)


def njit(**options: Any) -> Callable[[Any], Any]:
    """Return numba's decorator of the same name; with `cache=True` code is compiled anew when any of its files changes.

    Weakness: it reaches into numba's cache, which has no way in for that (numba 0.68); a test tells when it moves.
    """
    compile_it = numba.njit(**options)

    def decorate(function: Any) -> Any:
        compiled = compile_it(function)
        if options.get("cache"):
            index = compiled._cache._cache_file
            index._source_stamp = (index._source_stamp, made_of(Path(function.__code__.co_filename)))
        return compiled

    return decorate


def made_of(source: Path, root: Path = ROOT) -> str:
    """Return a digest of a file and of all files of the package at `root` that it imports, directly or not."""
    files, waiting = set[Path](), [source]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += imported(file, root)
    return hashlib.sha256("".join(sorted(_digest(file) for file in files)).encode()).hexdigest()


@cache
def imported(source: Path, root: Path) -> list[Path]:
    """Return the files of the package that a file imports by `from ... import ...`, absolutely as this package does."""
    found = []
    for module, names in _IMPORT.findall(source.read_text(encoding="utf-8")):
        if module.split(".")[0] == root.name:
            place = root.joinpath(*module.split(".")[1:])
            found += list(_files(place))
            for name in re.findall(r"\w+", names):
                found += list(_files(place / name))
    return found


def _files(place: Path) -> Iterator[Path]:
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            yield file


@cache
def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
