"""What an instrument costs: CPU per unit of work under it, against unprofiled work before and after."""

from __future__ import annotations

from dataclasses import dataclass

LIMITS = {"pyspy": 1.08, "scalene-cpu": 1.25, "scalene-full": 2.0, "memray": 1.7}
MAX_DRIFT = 0.05


@dataclass(frozen=True)
class Overhead:
    """`ratio` = CPU per unit with the instrument / without; `within` is None where no limit is known."""

    instrument: str
    cpu_per_unit_s: float
    ratio: float
    limit: float | None
    within: bool | None


@dataclass(frozen=True)
class Overheads:
    """All instruments of a profile against one baseline; `drift` of the baseline from before to after, as a share."""

    base_s: float
    drift: float
    stable: bool
    rows: tuple[Overhead, ...]
    codes: tuple[str, ...]


def judge_overheads(
    before_s: float, after_s: float, profiled_s: dict[str, float], limits: dict[str, float] | None = None
) -> Overheads:
    """Compare CPU seconds per unit of each instrument (`pyspy-gil`, `scalene-full`) with the mean of both baselines.

    A drift above 5 % between the baselines (P304) means that no ratio is to be believed; it is still shown. A ratio
    above its limit gives P307. Raises ValueError when a baseline is not positive.
    """
    if min(before_s, after_s) <= 0:
        raise ValueError("CPU per unit of the unprofiled runs must be positive")
    base = (before_s + after_s) / 2
    drift = abs(after_s - before_s) / base
    rows = tuple(_row(name, used, base, limits or LIMITS) for name, used in profiled_s.items())
    codes = (["P304"] if drift > MAX_DRIFT else []) + (["P307"] if any(row.within is False for row in rows) else [])
    return Overheads(base, drift, drift <= MAX_DRIFT, rows, tuple(codes))


def _row(name: str, used: float, base: float, limits: dict[str, float]) -> Overhead:
    known = [limits[key] for key in (name, name.split("-")[0]) if key in limits]
    limit = known[0] if known else None
    return Overhead(name, used, used / base, limit, None if limit is None else used / base <= limit)
