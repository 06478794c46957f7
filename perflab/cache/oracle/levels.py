"""Two levels as dictionaries in order of use, request by request."""

from __future__ import annotations

from collections.abc import Sequence


def answered(ids: Sequence[int], pods: Sequence[int], l1: int, l2: int) -> tuple[int, int, int]:
    """Return how many requests L1, L2 and the origin answered; `pods`: the pod of each request."""
    first: dict[int, dict[int, None]] = {pod: {} for pod in pods}
    shared: dict[int, None] = {}
    counts = [0, 0, 0]
    for key, pod in zip(ids, pods, strict=True):
        if _use(first[pod], key, l1):
            counts[0] += 1
        else:
            counts[1 if _use(shared, key, l2) else 2] += 1
    return counts[0], counts[1], counts[2]


def _use(inside: dict[int, None], key: int, capacity: int) -> bool:
    hit = key in inside
    inside.pop(key, None)
    inside[key] = None
    if len(inside) > capacity:
        del inside[next(iter(inside))]
    return hit
