"""What each instrument that passed its gate says of CPU, put together with the samples behind it as weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from perflab.instrument.agreement import draw_shares, rank_intervals
from perflab.instrument.gates import Gate
from perflab.instrument.source_tree import MODULE
from perflab.instrument.stacks import LIBRARY, LOOP
from perflab.instrument.table import ProfileTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

Key = tuple[str, str]
Interval = tuple[float, float, int, int]  # share low, share high, best rank, worst rank
APART = 2.58  # standard errors between two shares: 1 in 100 by chance


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


def disputed(votes: Sequence[Vote], key: Key) -> bool:
    """Whether two of the votes that can see a place differ on its share by more than their samples explain.

    A test of two proportions with a pooled variance, at 1 in 100 for each place and pair. Samples of one burst of work
    count as independent, so that it rather finds a dispute too many: that widens an interval and moves no rank.
    """
    heard = [vote for vote in votes if vote.hears(key)]
    return any(_apart(a, b, key) for a, b in combinations(heard, 2))


def _apart(a: Vote, b: Vote, key: Key) -> bool:
    left, right = a.shares.get(key, 0.0), b.shares.get(key, 0.0)
    pooled = min(1.0, (a.n * left + b.n * right) / max(1, a.n + b.n))
    error = math.sqrt(pooled * (1 - pooled) * (1 / max(1, a.n) + 1 / max(1, b.n)))
    return abs(left - right) > APART * error


def fused_intervals(votes: list[Vote], keys: list[Key]) -> dict[Key, Interval]:
    """Return share and rank intervals of the fused shares: each vote is drawn anew and fused again.

    Where votes dispute a place, the share's interval is the envelope of theirs: the mean of two things that differ is
    known better than either, and its own interval can exclude both.
    """
    if not votes or not keys:
        return {}
    drawn = [_drawn(vote, keys, number) for number, vote in enumerate(votes)]
    heard = np.array([[vote.n * vote.hears(key) for key in keys] for vote in votes], dtype=np.float64)
    total = sum(weight * shares for weight, shares in zip(heard, drawn, strict=True))
    found = rank_intervals(keys, total / np.maximum(heard.sum(axis=0), 1.0))
    each = [rank_intervals(keys, shares) for shares in drawn]
    for key in keys:
        if disputed(votes, key):
            own = [said[key] for vote, said in zip(votes, each, strict=True) if vote.hears(key)]
            found[key] = (min(one[0] for one in own), max(one[1] for one in own), *found[key][2:])
    return found


def _drawn(vote: Vote, keys: list[Key], seed: int) -> NDArray[np.float64]:
    """Return draws x keys shares that the vote's samples could as well have shown; zeros where it saw nothing."""
    names, drawn = draw_shares(vote.shares, vote.n, seed=seed)
    at = {name: i for i, name in enumerate(names)}
    return np.column_stack([drawn[:, at[key]] if key in at else np.zeros(len(drawn)) for key in keys])
