"""Which code is the system's own, and one name per file that is the same on every machine."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

NATIVE = "<native>"
MODULE = "<module>"
NAMESPACES = ("google", "azure", "zope", "opentelemetry")  # shared by distributions: their second level tells
SITE, STDLIB, OTHER = "<site>", "<stdlib>", "<other>"
_SITE = re.compile(r".*/(?:site|dist)-packages/(.+)$")
_STDLIB = re.compile(r".*/lib/python3\.\d+t?/(.+)$")


@dataclass(frozen=True)
class SourceTree:
    """The system's own code lies below `root`; everything else is a library.

    Names: own files relative to `root`; `<site>/...` for installed packages, `<stdlib>/...` for Python's own,
    `<other>/...` for anything else, `<native>` where there is no Python file. Never None, so that no group-by
    drops a row. Installed packages are recognised before `root`, which may hold a virtual environment.
    """

    root: Path

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        """The root as it was given and as it lies on the disk: a program started below a link is named by the link."""
        return tuple(dict.fromkeys(f"{path}/" for path in (self.root.resolve(), os.path.abspath(self.root))))

    def is_own(self, path: str) -> bool:
        """Whether the file belongs to the system."""
        return path.startswith(self._prefixes) and not _SITE.match(path) and not _STDLIB.match(path)

    def name(self, path: str) -> str:
        """Return the file's name in a table."""
        if not path or path == NATIVE:
            return NATIVE
        if self.is_own(path):
            return next(path[len(prefix) :] for prefix in self._prefixes if path.startswith(prefix))
        for pattern, label in ((_SITE, SITE), (_STDLIB, STDLIB)):
            if match := pattern.match(path):
                return f"{label}/{match[1]}"
        if path.startswith("<"):
            return f"{STDLIB}/{path}" if path.startswith("<frozen") else path
        return f"{OTHER}/{package_path(path)}" if path.startswith("/") else path

    def package(self, name: str) -> str:
        """Return the package of a named library file, such as ``google.genai`` or ``asyncio``; '' for own code."""
        label, _, rest = name.partition("/")
        if label not in (SITE, STDLIB, OTHER):
            return "native" if name == NATIVE else ""
        parts = [part.removesuffix(".py").removesuffix(".pyx") for part in PurePosixPath(rest).parts]
        if label == STDLIB:
            return "python: " + parts[0].strip("<>").removeprefix("frozen ")
        depth = 2 if parts[0] in (*NAMESPACES, self._own_package) and len(parts) > 1 else 1
        return ".".join(parts[:depth])

    def origin(self, path: str) -> tuple[bool, str]:
        """Return whether a file is own code, and its package; kept, for a million frames come from few files."""
        found = self._origins.get(path)
        if found is None:
            found = self._origins[path] = self.is_own(path), self.package(self.name(path))
        return found

    @cached_property
    def _origins(self) -> dict[str, tuple[bool, str]]:
        return {}

    @cached_property
    def _own_package(self) -> str:
        return package_path(str(self.root.resolve() / "x.py")).split("/")[0]


def package_path(path: str) -> str:
    """Return `path` from its outermost package on, so that every module reads as ``perflab/wire/frame.py``."""
    file = Path(path)
    top = file.parent
    while (top / "__init__.py").is_file() and top.parent != top:
        top = top.parent
    return file.relative_to(top).as_posix() if top != file.parent else file.name
