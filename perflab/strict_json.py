"""JSON that every reader takes: what is not finite is null, never NaN or Infinity, which the standard does not know."""

from __future__ import annotations

import json
import math
from typing import Any


def without_nan(value: Any) -> Any:
    """Return a tree of dicts, lists and tuples in which every NaN and infinity is None; the rest stays as it is."""
    if isinstance(value, dict):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a tree as JSON text (RFC 8259, section 6: numbers are finite)."""
    return json.dumps(without_nan(value), indent=indent, allow_nan=False)
