"""A first statement of capacity from one ladder, with the list of what it may not claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from perflab.errors import StatisticError
from perflab.model.knee import MOST_FAILED, Rung, knee_at_target

LimitedBy = Literal["target", "generator", "ladder", "nothing held"]
SATURATED = 0.85  # of the cores: above it users wait for CPU, and one more user adds little to it


@dataclass(frozen=True)
class CoreCost:
    """CPU cores per user by a straight line through the levels, with the interval of its slope."""

    base_cores: float
    cores_per_user: float
    low: float
    high: float


@dataclass(frozen=True)
class MemoryCost:
    """Peak memory per user by a straight line through the levels, 10^6 bytes, with the interval of its slope."""

    base_mb: float
    mb_per_user: float
    low: float
    high: float


@dataclass(frozen=True)
class Capacity:
    """Users within the target on one core of one instance.

    `low` is the highest level that surely held, divided by the cores; `high` the lowest that surely broke, None when
    none did. `may_not_claim`: sentences for the page, never empty.
    """

    users_per_core: float | None
    low: float | None
    high: float | None
    limited_by: LimitedBy
    measured_up_to: float
    cost: CoreCost | None
    explanation: str
    may_not_claim: tuple[str, ...]
    memory: MemoryCost | None = None


def capacity_statement(
    rungs: Sequence[Rung],
    limit: float,
    *,
    cores: float,
    generator_limit: float | None = None,
    most_failed: float = MOST_FAILED,
) -> Capacity:
    """State how many users one core serves within the target, from a ladder on `cores` cores.

    `generator_limit`: users at which the load generator itself gave out; a knee at or above it says something about
    the generator, not about the system. No figure is ever given beyond the measured range.
    """
    if not cores > 0:
        raise StatisticError(f"`cores` is {cores!r}", "it must be above zero")
    knee = knee_at_target(rungs, limit, most_failed=most_failed)
    top = max(rung.users for rung in rungs)
    reached = generator_limit is not None and generator_limit <= (knee.above or top)
    limited: LimitedBy = "nothing held" if knee.users is None else "target" if knee.is_bracketed else "ladder"
    if reached and limited != "nothing held":
        limited = "generator"
    low = None if knee.users is None else knee.users / cores
    broke = knee.above is not None and limited in ("target", "nothing held") and not reached
    high = knee.above / cores if knee.above is not None and broke else None
    carried = [r for r in rungs if not _surely_breaks(r, limit, most_failed)]
    cost = core_cost(carried, cores)
    return Capacity(
        low, low, high, limited, top, cost, _sentence(low, high, limited, knee.explanation),
        _may_not_claim(top, limited, cost, cores, broke=broke), memory_cost(carried),
    )  # fmt: skip


def core_cost(rungs: Sequence[Rung], cores: float) -> CoreCost | None:
    """Return the straight line of CPU over users with a 95 % interval of its slope; None with fewer than 3 levels.

    Levels that use more than SATURATED of the `cores` are left out: the users of a closed load wait there instead of
    spending CPU, so that the line would bend down and a user look cheap.
    """
    usable = [r for r in rungs if math.isfinite(r.cpu_cores) and r.cpu_cores <= SATURATED * cores]
    found = _line([(rung.users, rung.cpu_cores) for rung in usable])
    return CoreCost(*found) if found else None


def memory_cost(rungs: Sequence[Rung]) -> MemoryCost | None:
    """Return the straight line of peak memory over users with a 95 % interval; None with fewer than 3 levels.

    Weakness: levels climb on one process, so what it never gives back, or leaks as time goes by, is in the slope.
    Levels without a reading (NaN or 0) are left out.
    """
    found = _line([(rung.users, rung.memory_mb) for rung in rungs if rung.memory_mb > 0])
    return MemoryCost(*found) if found else None


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float, float, float] | None:
    """Return intercept, slope and its 95 % bounds by least squares; None with fewer than 3 places on the first axis."""
    if len({users for users, _ in points}) < 3:
        return None
    from scipy.special import stdtrit

    users, used = np.array([u for u, _ in points], float), np.array([v for _, v in points], float)
    apart = users - users.mean()
    spread = float(apart @ apart)
    slope = float(apart @ used) / spread
    intercept = float(used.mean() - slope * users.mean())
    left = used - intercept - slope * users
    error = math.sqrt(float(left @ left) / (len(points) - 2) / spread)
    width = float(stdtrit(len(points) - 2, 0.975)) * error
    return intercept, slope, slope - width, slope + width


def _surely_breaks(rung: Rung, limit: float, most_failed: float) -> bool:
    """Whether a level is beyond what the system carries, so that its CPU is no longer that of its users."""
    return rung.surely_failed > most_failed or (rung.low is not None and rung.low >= limit)


def _sentence(low: float | None, high: float | None, limited: LimitedBy, knee: str) -> str:
    if low is None:
        return f"No level surely held the target: {knee}"
    reach = {
        "target": f"and surely breaks at {_users(high, math.ceil)}" if high is not None else "",
        "generator": "where the load generator gave out",
        "ladder": "where the ladder ended",
        "nothing held": "",
    }[limited]
    return f"One core serves at least {_users(low, math.floor)} users within the target, {reach}".rstrip(", ")


def _users(value: float, edge: Callable[[float], int]) -> str:
    """Show users per core, rounded to the side on which the sentence stays true: 25, 8.33, 1,256."""
    places = 0 if value >= 100 or value == round(value) else 1 if value >= 10 else 2
    step = 10**places
    return f"{edge(round(value * step, 6)) / step:,.{places}f}"


def _may_not_claim(
    top: float, limited: LimitedBy, cost: CoreCost | None, cores: float, *, broke: bool
) -> tuple[str, ...]:
    claims = [
        f"anything about more than {top:g} users on one instance: that was the highest level",
        "anything about several instances: a shared database, cache or balancer was not under test",
        "anything about another machine: the figure belongs to this processor",
        "that the model's think time or the network of real users would leave the figure as it is",
    ]
    if not broke:
        claims.insert(0, "where the knee lies: no level broke the target because of the system")
    elif limited == "nothing held":
        claims.insert(0, "where the knee lies: no level surely held the target")
    if cost is None:
        claims.append("what a user costs in CPU: fewer than three levels below saturation have it")
    claims.append("what a user takes of memory for good: levels climb on one process, and what it keeps is in the line")
    if cores != 1:
        claims.append(f"that one core alone would do: {cores:g} cores were given and shared out evenly on paper")
    return tuple(claims)
