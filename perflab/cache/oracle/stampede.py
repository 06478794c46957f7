"""The stampede told request by request over a list of all recomputes so far."""

from __future__ import annotations

from collections.abc import Sequence


def told(arrivals: Sequence[float], ahead: Sequence[float], ttl_s: float, recompute_s: float,
         strategy: str) -> dict[str, float]:  # fmt: skip
    """Return recomputes, waited, waited_s, stale; strategies as in `perflab.cache.stampede`."""
    began: list[float] = []
    waits: list[float] = []
    stale = 0
    for now, lead in zip(arrivals, ahead, strict=True):
        ended = [start + recompute_s for start in began if start + recompute_s <= now]
        flying = len(ended) < len(began)
        expiry = max(ended, default=0.0) + ttl_s
        early = strategy == "early (XFetch)" and now + lead >= expiry
        if now < expiry and not early:
            continue
        if strategy in ("naive", "early (XFetch)") or not flying:
            began.append(now)
        if strategy == "stale while revalidating":
            stale += 1
        else:
            waits.append(began[-1] + recompute_s - now)
    return {"recomputes": len(began), "waited": len(waits), "waited_s": sum(waits), "stale": stale}
