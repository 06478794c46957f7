"""A bar: what was asked, what was seen, and whether it holds.

A bar holds by its value. One that holds while the interval of its value reaches beyond the limit is marked OPEN: not
missed, and not shown either. A second run may miss it by chance alone.
"""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass, field
from typing import Any

from perflab.stats.interval import Interval

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True)
class Bar:
    """One bar of a family; `value` None means that it could not be measured, and `detail` says why.

    `interval` is what is printed beside the value: fastest and slowest, neighbouring levels, or, where `bounded`, what
    holds the true value (at 95 % confidence, or by the steps of a ladder).
    """

    id: str
    title: str
    value: float | None
    operator: str
    limit: float
    unit: str
    n: int = 0
    interval: tuple[float, float] | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    bounded: bool = False

    @property
    def holds(self) -> bool:
        """Whether the value keeps the limit; a bar that was not measured does not hold."""
        return self.value is not None and bool(_HOLDS[self.operator](self.value, self.limit))

    @property
    def open(self) -> bool:
        """Whether the bar holds by its value, but not over the whole interval that the true value lies in."""
        if not self.holds or not self.bounded or self.interval is None:
            return False
        return not all(_HOLDS[self.operator](bound, self.limit) for bound in self.interval)

    def as_dict(self) -> dict[str, Any]:
        """Return the bar as the JSON object that `--json` writes."""
        body: dict[str, Any] = _plain({**asdict(self), "holds": self.holds, "open": self.open})
        return body

    def line(self) -> str:
        """Return the bar as one line of text."""
        seen = "not measured" if self.value is None else f"{self.value:.4g} {self.unit}"
        spread = f" [{self.interval[0]:.4g}, {self.interval[1]:.4g}]" if self.interval else ""
        count = f" (n = {self.n})" if self.n else ""
        mark = "OPEN  " if self.open else "holds " if self.holds else "MISSED"
        return (
            f"{mark} {self.id:10} {self.title}: {seen}{spread}{count}, asked {self.operator} {self.limit:g} {self.unit}"
        )


def measured(
    id: str, title: str, seen: Interval, operator: str, limit: float, unit: str, detail: dict[str, Any] | None = None
) -> Bar:
    """Return the bar of a figure with its confidence interval; one with an end that is unknown has no interval."""
    bounds = None if seen.low is None or seen.high is None else (seen.low, seen.high)
    return Bar(id, title, seen.value, operator, limit, unit, seen.n, bounds, detail or {}, bounded=True)


def _plain(value: Any) -> Any:
    """Return a tree in which numpy's numbers are Python's: JSON knows no other."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value
