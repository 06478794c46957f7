"""Who takes part when: the closed load of a plan as slots, the same in every arm, whatever locust's clock does."""

from __future__ import annotations

import random
from dataclasses import dataclass

from perflab.load.plan import LoadPlan

NS = 1_000_000_000
JITTER_S = 1.0  # users that a step adds come spread over this long, or over the step where it is shorter


@dataclass(frozen=True)
class Slot:
    """One user's stay: `number` is unique in the plan; times are seconds since the load began."""

    number: int
    start_s: float
    end_s: float


def slots(plan: LoadPlan) -> dict[str, list[Slot]]:
    """Return the slots of each user class, in order of their start.

    A rise in users opens slots, a fall closes those opened last; how many a class has follows its weight over the
    primary's. The primary's users are numbered from 0, those of each other class go on from the class before: rows of
    two classes may be of one kind. Starts are jittered by a stream keyed by (seed, class, place in the class): two
    variants meet the same arrivals.
    """
    primary, first = plan.users.get(plan.primary, 1.0) or 1.0, 0
    every: dict[str, list[Slot]] = {}
    for name in sorted((name for name, weight in plan.users.items() if weight > 0), key=lambda n: n != plan.primary):
        every[name] = _class_slots(plan, name, plan.users[name] / primary, first)
        first += len(every[name])
    return every


def _class_slots(plan: LoadPlan, name: str, share: float, first: int) -> list[Slot]:
    begun: list[tuple[float, float]] = []  # start and the length of the step that it belongs to
    ends: dict[int, float] = {}
    standing: list[int] = []
    changes = [(at, round(users * share)) for at, users in plan.steps if at < plan.duration_s]
    for index, (at, target) in enumerate(changes):
        following = changes[index + 1][0] if index + 1 < len(changes) else plan.duration_s
        while len(standing) > target:
            ends[standing.pop()] = at
        while len(standing) < target:
            standing.append(len(begun))
            begun.append((at, following - at))
    out = []
    for number, (at, length) in enumerate(begun):
        draw = random.Random(f"{plan.seed}:{name}:{number}:start").random()
        out.append(Slot(first + number, at + draw * min(JITTER_S, length), ends.get(number, plan.duration_s)))
    return out
