"""What a client says about content codings in Accept-Encoding (RFC 9110, 12.5.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

LONGEST, MOST = 500, 20  # characters and codings of a header that are read; the rest is as if it were not there
WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]{1,40}")


@lru_cache(maxsize=64)
def accepted_codings(header: str) -> Callable[[str], float]:
    """Return the weight, 0 to 1, that a header gives to each coding; 0 = not acceptable.

    A coding that is not named has the weight of ``*``, else 0: without a header nothing but the answer as it is was
    asked for. A part that is malformed is passed over, as if it were not there: the answer is then larger, never
    unreadable.
    """
    weights: dict[str, float] = {}
    for part in header[:LONGEST].lower().split(",")[:MOST]:
        name, _, option = (piece.strip() for piece in part.partition(";"))
        weight = WEIGHT.fullmatch(option.replace(" ", "")) if option else None
        if TOKEN.fullmatch(name) and (weight or not option):
            weights[name] = float(weight[1]) if weight else 1.0
    return lambda coding: weights.get(coding, weights.get("*", 0.0))
