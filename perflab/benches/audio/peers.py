"""What stands in Python's standard library: audioop, gone since 3.13."""

from __future__ import annotations

import warnings
from typing import Any

WHY = "audioop is gone from Python 3.13 on: run it with 3.11 or 3.12"


def audioop() -> Any:
    """Return the module, or None where Python has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            import audioop as module
        except ImportError:
            return None
    return module
