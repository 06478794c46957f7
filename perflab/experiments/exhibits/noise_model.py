"""The noise of a machine that others use: heavy tails, spikes, and a level that wanders and jumps."""

from __future__ import annotations

import numpy as np


def pair_noise(chance: np.random.Generator, studies: int, pairs: int, sd: float = 0.02) -> np.ndarray:
    """Return log-ratios of identical arms measured in pairs: (studies, pairs), Student t with 3 degrees of freedom."""
    return np.asarray(chance.standard_t(3, (studies, pairs)) * sd / np.sqrt(3))


def drifting_level(chance: np.random.Generator, studies: int, trials: int) -> np.ndarray:
    """Return what a machine does to `trials` trials one after the other, as log factors: (studies, trials).

    A slow wander (a random walk that moves 3 % over 60 trials), one jump of about 4 % when a neighbour comes or goes,
    2 % of spread from trial to trial, and a spike of up to half the time in one trial of thirty. None of it knows of
    any arm.
    """
    wander = np.cumsum(chance.normal(0, 0.03 / np.sqrt(60), (studies, trials)), axis=1)
    at = chance.integers(0, trials, (studies, 1))
    jump = chance.normal(0, 0.04, (studies, 1)) * (np.arange(trials) >= at)
    spikes = (chance.random((studies, trials)) < 1 / 30) * chance.uniform(0, 0.4, (studies, trials))
    return np.asarray(wander + jump + chance.normal(0, 0.02, (studies, trials)) + spikes)
