"""What "no difference" looks like on this machine: ratios of the same thing measured against itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.errors import StatisticError
from perflab.report.figures.figure import Figure, finish
from perflab.report.style import BLUE, INK, SHADE, canvas


def noise(ratios: Any, title: str, margin: float = 0.0, quantity: str = "CPU per turn") -> Figure:
    """Draw the histogram of A/A ratios (1.0 = no difference); `margin` 0.05 shades 0.95..1.05.

    Raises StatisticError for fewer than two ratios.
    """
    values = (np.asarray(ratios, dtype=float) - 1) * 100
    if values.size < 2:
        raise StatisticError(f"A noise histogram was given {values.size} ratios", "at least 2 are needed")
    with canvas(2.6) as (drawn, axes):
        if margin:
            axes.axvspan(-margin * 100, margin * 100, color=SHADE, alpha=0.25, linewidth=0)
        axes.hist(values, bins=min(40, max(8, int(np.sqrt(values.size) * 2))), color=BLUE, edgecolor="none")
        axes.axvline(0, color=INK, linewidth=0.9)
        words = f" (shaded: within {margin * 100:.0f} %)" if margin else ""
        axes.set(xlabel=f"{quantity}, A against A (% difference){words}", ylabel="pairs")
    spread = float(np.quantile(np.abs(values), 0.95))
    return finish(
        drawn, title, f"{values.size} comparisons of the same thing with itself; 95 % differ by at most {spread:.1f} %."
    )
