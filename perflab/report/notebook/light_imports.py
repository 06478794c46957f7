"""Take nbformat from here, and import this before papermill: it saves about three seconds of imports per notebook.

jsonschema, behind nbformat, compiles a grammar of internationalised URIs at import (2.0 s measured) for a format check
that no notebook uses; papermill imports pyarrow (0.5 s) to read notebooks from HDFS. Both treat the module as optional,
so a name that cannot be imported is a supported state. Nothing is blocked that somebody has already imported.
"""

from __future__ import annotations

import sys
from typing import Any

BLOCKED = ("rfc3987_syntax",)
BLOCKED_IN_RUNNER = ("pyarrow", "pyarrow.fs")


def block(*names: str) -> None:
    """Make `import name` raise ImportError in this process unless it is loaded already."""
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]


block(*BLOCKED)
import nbformat as _nbformat  # noqa: E402  (after the block, which is the point of this module)

nbformat: Any = _nbformat  # it has no annotations

__all__ = ["BLOCKED_IN_RUNNER", "block", "nbformat"]
