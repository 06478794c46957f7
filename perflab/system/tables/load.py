"""What drives a system, in which shapes over time, and what is read from the rows that it leaves."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from perflab.system.tables.table import Name, Table


class Load(Table):
    """The locust file that drives the system."""

    file: str
    users: dict[str, float] = Field(min_length=1)
    primary: str
    unit_kind: Literal["turn", "request", "arrival"] = "request"
    probe_seconds: float = Field(default=1.0, gt=0)
    options: dict[str, float] = Field(default_factory=dict)
    arrivals: bool = True  # open arrivals are sent where the primary user defines `arrive`; false: not even there

    @model_validator(mode="after")
    def _primary_is_a_user(self) -> Load:
        if self.primary not in self.users:
            raise ValueError(f"primary = {self.primary!r} must be one of {sorted(self.users)}")
        return self


class Scenario(Table):
    """A load shape over time; `asks`: the goal without a number that it shows, which is reported and not judged."""

    name: str = Name
    title: str
    users: int = Field(gt=0, le=100_000)
    duration_s: float = Field(gt=0)
    quick_s: float = Field(gt=0)
    shape: Literal["steady", "spike"] = "steady"
    asks: str = ""


class Measure(Table):
    """How a metric of the target file is computed from this system's rows."""

    metric: str
    kind: Literal[
        "latency",
        "rate_per_min",
        "megabytes_per_min",
        "error_percent",
        "cpu_percent",
        "memory_percent",
        "sustained_users",
    ]
    rows: Literal["turn", "request", "arrival", ""] = ""
    tag: str = ""
    name: str = ""
    scenario: str = ""
