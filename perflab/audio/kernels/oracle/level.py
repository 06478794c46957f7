"""RMS and peak in whole numbers of Python."""

from __future__ import annotations

import math
from collections.abc import Sequence


def level(samples: Sequence[int]) -> tuple[float, int]:
    """Return root mean square and largest size of the samples."""
    return math.sqrt(sum(s * s for s in samples) / len(samples)), max(abs(s) for s in samples)
