"""Noises of a paired log-ratio that the simulations share: normal, heavy-tailed, spiky (material)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Draw = Callable[[np.random.Generator, int], np.ndarray]


def _spiky(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return normal noise of which one value in twenty is a spike of twelve times the spread, either way."""
    return rng.normal(size=n) + (rng.random(n) < 0.05) * rng.normal(0, 12, n)


NOISES: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "t3": lambda rng, n: rng.standard_t(3, n),
    "spiky": _spiky,
}
