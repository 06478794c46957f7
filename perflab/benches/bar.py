"""A bar: what was asked, what was seen, and whether it holds."""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass, field
from typing import Any

_HOLDS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}


@dataclass(frozen=True)
class Bar:
    """One bar of a family; `value` None means that it could not be measured, and `detail` says why."""

    id: str
    title: str
    value: float | None
    operator: str
    limit: float
    unit: str
    n: int = 0
    interval: tuple[float, float] | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the value keeps the limit; a bar that was not measured does not hold."""
        return self.value is not None and bool(_HOLDS[self.operator](self.value, self.limit))

    def as_dict(self) -> dict[str, Any]:
        """Return the bar as the JSON object that `--json` writes."""
        body: dict[str, Any] = _plain({**asdict(self), "holds": self.holds})
        return body

    def line(self) -> str:
        """Return the bar as one line of text."""
        seen = "not measured" if self.value is None else f"{self.value:.4g} {self.unit}"
        spread = f" [{self.interval[0]:.4g}, {self.interval[1]:.4g}]" if self.interval else ""
        count = f" (n = {self.n})" if self.n else ""
        mark = "holds " if self.holds else "MISSED"
        return (
            f"{mark} {self.id:10} {self.title}: {seen}{spread}{count}, asked {self.operator} {self.limit:g} {self.unit}"
        )


def _plain(value: Any) -> Any:
    """Return a tree in which numpy's numbers are Python's: JSON knows no other."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value
