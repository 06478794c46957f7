"""The Universal Scalability Law, for ONE instance inside the measured range.

    X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1))        0 <= alpha, beta <= 1

alpha: share of work that waits its turn (contention); beta: cost of keeping copies in agreement (coherency).
Fifty thousand users are reached by more instances, which is another model with an assumption of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from perflab.errors import StatisticError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

METHOD = "USL, nonlinear least squares (trust region, 4 starts)"
FARTHEST = 2.0  # times the largest measured N: beyond it no prediction is given
ENOUGH_LEVELS = 6  # with fewer the fit is hardly bound (three levels fit any curve exactly)
_STARTS = ((0.1, 0.01), (0.01, 1e-4), (0.5, 0.05), (1e-3, 1e-6))
_EDGE = 1e-9  # a parameter this close to 0 or 1 lies on its bound


@dataclass(frozen=True)
class UslFit:
    """Fitted parameters; `not_identified` names those on a bound, about which the data say nothing."""

    alpha: float
    beta: float
    gamma: float
    standard_errors: tuple[float, float, float]  # of alpha, beta, gamma; NaN for parameters on a bound
    residual_sd: float
    levels: tuple[float, ...]
    throughputs: tuple[float, ...]
    not_identified: tuple[str, ...]
    caveats: tuple[str, ...]
    method: str = METHOD

    @property
    def largest(self) -> float:
        """The largest N that was measured."""
        return max(self.levels)

    @property
    def peak_users(self) -> float | None:
        """N of the largest throughput, sqrt((1 - alpha) / beta).

        None when beta is not identified, when alpha lies on its upper bound (throughput falls from the first level on),
        and beyond the range in which the law says anything.
        """
        if "beta" in self.not_identified or self.alpha > 1 - _EDGE:
            return None
        peak = math.sqrt((1 - self.alpha) / self.beta)
        return peak if peak <= FARTHEST * self.largest else None

    @property
    def peak_throughput(self) -> float | None:
        """Throughput at the peak; None when the peak is not known."""
        return None if self.peak_users is None else float(usl(self.peak_users, self.alpha, self.beta, self.gamma))

    @property
    def limit_throughput(self) -> float | None:
        """Amdahl's limit gamma / alpha; None when alpha is not identified."""
        return None if "alpha" in self.not_identified else self.gamma / self.alpha

    @property
    def optimal_users(self) -> float | None:
        """N where the ideal line meets Amdahl's limit, 1 / alpha; None when alpha is not identified."""
        return None if "alpha" in self.not_identified else 1.0 / self.alpha

    def predict(self, users: float) -> float:
        """Return the throughput at `users`; raises StatisticError beyond twice the largest measured N."""
        if not 0 < users <= FARTHEST * self.largest:
            raise StatisticError(
                f"The law was fitted up to N = {self.largest:g} and is asked for {users:g}",
                f"it says nothing beyond {FARTHEST:g} times that", "Model more instances instead",
            )  # fmt: skip
        return float(usl(users, self.alpha, self.beta, self.gamma))


def usl(n: ArrayLike, alpha: float, beta: float, gamma: float) -> Floats:
    """Return X(N) of the law."""
    users = np.asarray(n, dtype=np.float64)
    return gamma * users / (1 + alpha * (users - 1) + beta * users * (users - 1))


def fit_usl(levels: ArrayLike, throughputs: ArrayLike) -> UslFit:
    """Fit the law to throughput per load level; one value each, or repeats of a level.

    Nonlinear least squares on X itself, unweighted, as the R package `usl` from version 2 on; the older quadratic
    regression on X(1) gives other parameters for the same data. A parameter on its bound is named as not identified,
    never read as "infinite scalability". Weakness: the parameters are strongly correlated; judge the curve inside the
    range, not the parameters. Needs at least 4 different levels and throughputs above zero; raises StatisticError.
    Source: Gunther, Guerrilla Capacity Planning, 2007; Moeding, R package usl.
    """
    n, x = _checked(levels, throughputs)
    best = _best_fit(n, x)
    alpha, beta, gamma = (float(v) for v in best.x)
    flat = tuple(name for name, value in (("alpha", alpha), ("beta", beta)) if value < _EDGE or value > 1 - _EDGE)
    alpha, beta = (0.0 if v < _EDGE else v for v in (alpha, beta))
    free = max(n.size - 3, 1)
    residual_sd = math.sqrt(2 * best.cost / free)
    return UslFit(
        alpha, beta, gamma, _standard_errors(best.jac, residual_sd, flat), residual_sd, tuple(n), tuple(x), flat,
        _caveats(n, flat),
    )  # fmt: skip


def _checked(levels: ArrayLike, throughputs: ArrayLike) -> tuple[Floats, Floats]:
    n, x = np.asarray(levels, dtype=np.float64), np.asarray(throughputs, dtype=np.float64)
    if n.ndim != 1 or n.shape != x.shape:
        raise StatisticError(f"`levels` has shape {n.shape} and `throughputs` {x.shape}", "one value for each level")
    for name, values in (("levels", n), ("throughputs", x)):
        if not bool(np.isfinite(values).all()) or bool((values <= 0).any()):
            raise StatisticError(f"`{name}` holds values that are not above zero", "all must be positive and finite")
    if np.unique(n).size < 4:
        raise StatisticError(f"`levels` holds {np.unique(n).size} different levels", "the law has three parameters",
                             "Measure at least 4 levels, better 6 or more")  # fmt: skip
    return n, x


def _best_fit(n: Floats, x: Floats, starts: tuple[tuple[float, float], ...] = _STARTS, precision: float = 1e-14):  # type: ignore[no-untyped-def]
    """Return scipy's result with the lowest cost; several starts because the valley is long and flat."""
    from scipy.optimize import least_squares

    slope = float((x / n).max())

    def fit(start: tuple[float, float]):  # type: ignore[no-untyped-def]
        return least_squares(
            lambda p: usl(n, p[0], p[1], p[2]) - x, (*start, slope), bounds=([0, 0, 0], [1, 1, np.inf]), method="trf",
            x_scale=(0.01, 1e-4, slope), ftol=precision, xtol=precision, gtol=precision, max_nfev=2000,
        )  # fmt: skip

    return min((fit(start) for start in starts), key=lambda result: result.cost)


def _standard_errors(jacobian: Floats, sd: float, fixed: tuple[str, ...]) -> tuple[float, float, float]:
    """Return sd * sqrt(diag((J'J)^-1)) over the parameters that are not on a bound."""
    free = [i for i, name in enumerate(("alpha", "beta", "gamma")) if name not in fixed]
    part = jacobian[:, free]
    spread = sd * np.sqrt(np.diag(np.linalg.pinv(part.T @ part)))
    errors = dict(zip(free, (float(v) for v in spread), strict=True))
    return errors.get(0, math.nan), errors.get(1, math.nan), errors.get(2, math.nan)


def _caveats(n: Floats, flat: tuple[str, ...]) -> tuple[str, ...]:
    found = [f"{name} lies on its bound: these levels do not identify it" for name in flat]
    if np.unique(n).size < ENOUGH_LEVELS:
        found.append(f"{np.unique(n).size} levels hardly bind three parameters; 6 or more are needed for a claim")
    return tuple(found)
