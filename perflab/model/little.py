"""Little's law for a closed load: a free check of every row of a load matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perflab.errors import StatisticError


@dataclass(frozen=True)
class LawCheck:
    """How far N = X (R + Z) is from holding; a row that breaks it was counted or timed wrongly."""

    users: float
    predicted_users: float
    deviation: float  # predicted / stated - 1
    tolerance: float
    explanation: str

    @property
    def holds(self) -> bool:
        """Whether the deviation lies within the tolerance."""
        return abs(self.deviation) <= self.tolerance


def interactive_law(
    users: float, throughput_per_s: float, response_s: float, think_s: float, *, tolerance: float = 0.10
) -> LawCheck:
    """Check N = X (R + Z): users, units done per second, mean response, mean time between units of one user.

    Exact for any closed system in steady state over a long time; over a short one the units under way at both ends
    blur it by about one unit for each user. All means, in seconds, of the same window.
    """
    values = {"users": users, "throughput_per_s": throughput_per_s, "response_s": response_s, "think_s": think_s}
    for name, value in values.items():
        if not math.isfinite(value) or value < 0 or (name == "users" and value == 0):
            raise StatisticError(f"`{name}` is {value!r}", "it must be a number of zero or more")
    predicted = throughput_per_s * (response_s + think_s)
    deviation = predicted / users - 1
    words = (
        f"{throughput_per_s:.3g}/s times ({response_s:.3g} s + {think_s:.3g} s) is {predicted:.3g} users, "
        f"{deviation:+.1%} from the {users:g} that were there"
    )
    return LawCheck(users, predicted, deviation, tolerance, words)
