"""What users take in cores and money at most, from what one core serves at least."""

from __future__ import annotations

import math

from perflab.errors import StatisticError


def most_cores(users: float, users_per_core: float) -> int:
    """Return the whole cores that serve `users`, an upper bound where `users_per_core` is a lower one.

    Weakness: beyond what one core serves it supposes instances that share nothing: a database, cache or balancer that
    all of them use is not in it. Raises StatisticError where either is not above zero.
    """
    _above_zero(users=users, users_per_core=users_per_core)
    return math.ceil(users / users_per_core - 1e-9)


def most_per_user_hour(core_hour: float, users_per_core: float) -> float:
    """Return the price of a user for an hour in the currency of `core_hour`, the price of a core for an hour.

    An upper bound where `users_per_core` is a lower one, and where that many users are there: half as many cost twice
    as much each. CPU alone: memory, traffic and services beside the system have prices of their own. Raises
    StatisticError where either is not above zero.
    """
    _above_zero(core_hour=core_hour, users_per_core=users_per_core)
    return core_hour / users_per_core


def _above_zero(**given: float) -> None:
    for name, value in given.items():
        if not (value > 0 and math.isfinite(value)):
            raise StatisticError(f"`{name}` is {value!r}", "it must be above zero")
