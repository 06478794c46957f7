"""numba's names for writing instructions, as Any: they carry no annotations that a type checker could follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types as _types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic as _intrinsic

cgutils: Any = _cgutils
types: Any = _types


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make a function that writes instructions callable from compiled code (numba.extending.intrinsic)."""
    return _intrinsic(function)
