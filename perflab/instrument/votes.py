"""What each instrument that passed its gate says of CPU, put together with the samples behind it as weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from perflab.instrument.agreement import draw_shares, rank_intervals
from perflab.instrument.gates import Gate
from perflab.instrument.source_tree import MODULE
from perflab.instrument.stacks import LIBRARY, LOOP
from perflab.instrument.table import ProfileTable

Key = tuple[str, str]
Interval = tuple[float, float, int, int]  # share low, share high, best rank, worst rank


@dataclass(frozen=True)
class Vote:
    """One instrument's shares of CPU by own function or library, and how many samples they rest on."""

    name: str
    n: int
    shares: dict[Key, float]
    run_delay: float = 0.0

    def hears(self, key: Key) -> bool:
        """Whether it can see this place: scalene folds library time into the line of the loop."""
        return key[0] != LIBRARY or not self.name.startswith("scalene")

    @cached_property
    def ranked(self) -> list[Key]:
        """Return the places that can have a rank, largest first: no start-up, not the event loop itself."""
        return [key for key in self.shares if is_place(key)]

    @cached_property
    def own(self) -> dict[Key, float]:
        """Return the shares of own functions, which every instrument can see."""
        return {key: share for key, share in self.shares.items() if is_place(key) and key[0] != LIBRARY}

    @cached_property
    def intervals(self) -> dict[Key, Interval]:
        """Return share and rank intervals of the own functions, by bootstrap over the samples."""
        return rank_intervals(*draw_shares(self.own, self.n, seed=1))

    @cached_property
    def firsts(self) -> frozenset[Key]:
        """Return the own functions that could be first, as far as this many samples can tell."""
        return frozenset(key for key, interval in self.intervals.items() if interval[2] == 1)


def is_place(key: Key) -> bool:
    """Whether a key is something to optimise: neither start-up nor the event loop's own dispatch."""
    return key[1] not in (LOOP, MODULE)


def make_votes(voting: Iterable[tuple[Gate, ProfileTable]]) -> list[Vote]:
    """Return a vote for each table that passed its gate; `own` attribution, never `leaf`."""
    return [
        Vote(
            f"{gate.instrument}-{gate.view}",
            gate.n_samples,
            table.by_function(instrument=gate.instrument, view=gate.view, attribution="own"),
            table.health.run_delay,
        )
        for gate, table in voting
    ]


def fused_share(votes: list[Vote], key: Key) -> float:
    """Return the mean share over the votes that can see the place, weighted by their samples."""
    heard = [vote for vote in votes if vote.hears(key)]
    total = sum(vote.n for vote in heard)
    return sum(vote.n * vote.shares.get(key, 0.0) for vote in heard) / total if total else 0.0


def fused_intervals(votes: list[Vote], keys: list[Key]) -> dict[Key, Interval]:
    """Return share and rank intervals of the fused shares: each vote is drawn anew and fused again."""
    if not votes or not keys:
        return {}
    total, weight = np.zeros((1, len(keys))), np.zeros(len(keys))
    for number, vote in enumerate(votes):
        heard = np.array([vote.hears(key) for key in keys], dtype=np.float64)
        names, drawn = draw_shares(vote.shares, vote.n, seed=number)
        at = {name: i for i, name in enumerate(names)}
        columns = [drawn[:, at[key]] if key in at else np.zeros(len(drawn)) for key in keys]
        total = total + vote.n * heard * np.column_stack(columns)
        weight += vote.n * heard
    return rank_intervals(keys, total / np.maximum(weight, 1.0))
