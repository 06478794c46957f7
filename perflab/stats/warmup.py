"""Warm-up: where a series of iterations settles, or that it never does. Found and marked, never cut away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from perflab.stats.inputs import FloatArray, series
from perflab.stats.segments import change_indexes

State = Literal["steady", "late shift", "never steady"]
EQUAL = 0.02  # two levels closer than this are one
SHORTEST = 10  # samples that a level needs to be one
LONGEST = 4_000  # samples that are searched one by one
LATE = 0.5  # a last change beyond this share of the run leaves no steady run to speak of


@dataclass(frozen=True)
class WarmUp:
    """What a series did before it settled.

    `cut`: index of the first steady sample, 0 when the series was steady from the start. `state`: "steady"; "late
    shift" (one level for most of the run, then another); "never steady" (levels kept changing into the second half).
    `level`: the median of the steady samples. `levels`: (first index, median) of each level before and including it.
    """

    state: State
    cut: int
    n: int
    level: float
    levels: tuple[tuple[int, float], ...]
    explanation: str

    @property
    def steady(self) -> bool:
        """Whether a steady run of at least half the series was found."""
        return self.state == "steady"

    @property
    def marks(self) -> np.ndarray:
        """One bool per sample, True for warm-up: for a column beside the samples, which all stay."""
        return np.arange(self.n) < self.cut


def find_warm_up(x: ArrayLike, *, equal: float = EQUAL, penalty: float = 15.0, shortest: int = SHORTEST) -> WarmUp:
    """Find the warm-up of a series in time order.

    Procedure: 1. the levels of log(x) (`change_indexes`); 2. from the end, levels whose medians are equal within
    `equal` of the last one are merged; 3. what is left before that run is warm-up. When it takes more than half of
    the series there is no steady run, and the state says in which way.
    `x`: (n,) above zero, n >= 2 * `shortest`; raises StatisticError otherwise. About 1 ms for 1,000 samples once
    compiled. A series of more than 4,000 is searched by the medians of about as many equal groups of neighbours, and
    cut to the nearest: where nothing changes the search is quadratic (7 s for 50,000 samples, so 0.07 s).
    Weakness: a drift slower than `equal` over the run is not seen, nor a level shorter than `shortest` (or ten groups);
    strongly dependent samples (a queue near saturation) can look like levels.
    Source: Barrett et al. 2017 (levels and equivalence); Traini et al. 2022 (many benchmarks never settle).
    """
    values = series("x", x, minimum=2 * shortest, positive=True)
    logs = np.log(values)
    starts = (0, *_changes(logs, penalty, shortest))
    ends = (*starts[1:], values.size)
    medians = [float(np.median(logs[a:b])) for a, b in zip(starts, ends, strict=True)]
    first = _trailing_run(medians, float(np.log1p(equal)))
    cut = starts[first]
    levels = tuple((a, float(np.exp(m))) for a, m in zip(starts, medians, strict=True))
    state = _state(cut, starts[:first], medians[:first], values.size, float(np.log1p(equal)))
    level = float(np.median(values[cut:]))
    return WarmUp(state, cut, int(values.size), level, levels, _explain(state, cut, values, level))


def _changes(logs: FloatArray, penalty: float, shortest: int) -> tuple[int, ...]:
    """Return where levels begin; of a long series to the nearest group of neighbours."""
    step = -(-logs.size // LONGEST)
    if step > 1:
        groups = logs[: logs.size // step * step].reshape(-1, step)
        logs = np.median(groups, axis=1)
    return tuple(step * at for at in change_indexes(logs, penalty=penalty, shortest=shortest))


def _trailing_run(medians: list[float], close: float) -> int:
    """Return the index of the first level of the run, at the end, whose levels all equal the last one."""
    first = len(medians) - 1
    while first > 0 and abs(medians[first - 1] - medians[-1]) <= close:
        first -= 1
    return first


def _state(cut: int, starts: tuple[int, ...], medians: list[float], n: int, close: float) -> State:
    if cut <= LATE * n:
        return "steady"
    before = starts[_trailing_run(medians, close)]
    return "late shift" if cut - before > LATE * cut else "never steady"


def _explain(state: State, cut: int, values: FloatArray, level: float) -> str:
    n = values.size
    if state == "steady":
        return f"steady from sample {cut} of {n}" if cut else f"steady from its first sample ({n})"
    moved = float(level / np.median(values[:cut]) - 1)
    if state == "late shift":
        return f"late shift: after {cut} of {n} samples the level moved by {moved:+.1%}"
    return f"never steady: the level still changed at sample {cut} of {n}"
