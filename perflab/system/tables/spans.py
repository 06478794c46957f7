"""The marks of a unit of work, the stages between them, and the sums that are computed from them."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from perflab.system.tables.table import Name, Table


class Stage(Table):
    """The time between two marks of a unit, in milliseconds.

    `owner`: whose time it is; "shared" where the system holds the unit but mostly waits for others, as in a call to a
    back end, so that it is in no sum of the system's own time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    name: str
    from_: str = Field(alias="from")
    to: str
    owner: Literal["system", "shared", "other"] = "other"
    inside: str = ""


class SpanSum(Table):
    """A sum of marks in milliseconds; `role` says what it is of a unit.

    `added`: the system's own share. `world`: how much later than it meant to a process of the world around the system
    answered, what it meant being among `durations`; at p99 `check_ms` at most, or no response time is the system's.
    `rows`: the kind of rows that it is of, where those are not the units of work. The logs of other processes are of
    units, so that it has the rows' own marks alone.
    """

    name: str = Name
    help: str = ""
    role: Literal["added", "world", ""] = ""
    rows: Literal["turn", "request", "arrival", ""] = ""
    plus: tuple[str, ...]
    minus: tuple[str, ...]
    durations: tuple[str, ...] = ()  # marks that hold a time span and no moment, ns: taken away
    minus_ms: float = 0.0
    check: str = ""
    check_ms: float = 0.0

    @model_validator(mode="after")
    def _world_has_a_limit(self) -> SpanSum:
        if self.role == "world" and not (self.check_ms > 0 and self.durations):
            raise ValueError(f"sum {self.name!r} of role world needs check_ms above 0 and durations")
        return self

    @model_validator(mode="after")
    def _checks_are_of_units(self) -> SpanSum:
        if self.rows and (self.role != "added" or self.check):
            raise ValueError(
                f"sum {self.name!r}: rows is for role added without check; all others are of units of work"
            )
        return self


class Spans(Table):
    """Where the marks of a unit come from and what is computed from them."""

    marks: tuple[str, ...] = Field(default=(), max_length=8)
    stage: tuple[Stage, ...] = ()
    sum: tuple[SpanSum, ...] = ()

    def added_to(self, rows: str = "") -> SpanSum | None:
        """Return the sum that says what the system adds to rows of a kind ("" = the units of work), None without one.

        The first where there are several: the others are checked against it.
        """
        return next((entry for entry in self.sum if entry.role == "added" and entry.rows == rows), None)
