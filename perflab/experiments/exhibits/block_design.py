"""Block design: all of A, then all of B, takes what the machine did meanwhile for a difference between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.experiments.exhibits.noise_model import drifting_level
from perflab.stats.operating import hodges_lehmann_rows
from perflab.stats.schedule import balanced_blocks

SIZES = (6, 10, 15, 20, 30, 40)


@dataclass(frozen=True)
class BlockDesign:
    """Share of comparisons of identical arms that claim a difference, by design and pairs."""

    in_blocks: dict[int, float]
    interleaved: dict[int, float]
    studies: int

    def rows(self) -> list[dict[str, Any]]:
        """Return the two curves for a figure."""
        curves = {"A A A B B B": self.in_blocks, "A B B A": self.interleaved}
        return [{"n": n, "design": name, "share": 100 * v} for name, c in curves.items() for n, v in c.items()]

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        few, many = SIZES[1], SIZES[-1]
        return (
            f"On the same drifting machine AAA BBB calls identical arms different in {100 * self.in_blocks[few]:.0f} % "
            f"of comparisons with {few} trials each and in {100 * self.in_blocks[many]:.0f} % with {many}: more data "
            f"makes it worse; interleaved pairs stay at {100 * self.interleaved[few]:.0f} % and "
            f"{100 * self.interleaved[many]:.0f} %."
        )


def compare_designs(seed: int, studies: int = 1000) -> BlockDesign:
    """Simulate a machine whose level wanders, and let both designs measure identical arms on the same stretch of it.

    Trial k of a study meets the same noise in both designs; only which arm was running differs. AAA BBB is judged by
    Mann-Whitney at 5 %, as most tools do; A B B A by the paired Hodges-Lehmann interval that is used here.
    """
    from scipy.stats import mannwhitneyu

    in_blocks, interleaved = {}, {}
    for n in SIZES:
        level = drifting_level(np.random.default_rng((seed, n)), studies, 2 * n)
        p = mannwhitneyu(level[:, :n], level[:, n:], axis=1, method="asymptotic").pvalue
        in_blocks[n] = float((np.asarray(p) < 0.05).mean())
        found = hodges_lehmann_rows(_pairs(level, n, seed))
        interleaved[n] = float(((found.low > 0) | (found.high < 0)).mean())
    return BlockDesign(in_blocks, interleaved, studies)


def _pairs(level: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return B - A of every pair: (studies, n), in mirrored random order."""
    sign = np.array([1.0 if order == ("A", "B") else -1.0 for order in balanced_blocks(("A", "B"), n, seed)])
    return np.asarray((level[:, 1::2] - level[:, 0::2]) * sign)
