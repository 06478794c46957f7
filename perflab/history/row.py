"""One figure of one run, as the store keeps it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from textwrap import shorten

LONGEST_CONDITION = 80  # characters in a label; an experiment's may be a paragraph


@dataclass(frozen=True)
class Row:
    """A metric of a finished run with its interval; `low`, `high` are None where n bounds nothing on that side.

    `time` is the run's start in UTC without a zone; `fingerprint` is the short key of its environment; `digest` that
    of the system's file; `effort` carries the time scale when it was not 1. `trusted` is False when a trust check
    vetoed the finding that the figure comes from: such rows are kept, shown, and left out of every search.
    `lower_is_better` is None where nothing says so: such a figure is shown and never proposes a suspect.
    """

    run_id: str
    time: datetime
    commit: str
    system: str
    digest: str
    variant: str
    effort: str
    domain: str
    metric: str
    scenario: str
    condition: str
    unit: str
    value: float
    low: float | None
    high: float | None
    n: int
    lower_is_better: bool | None
    level: str
    trusted: bool
    fingerprint: str


COLUMNS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True, order=True)
class SeriesKey:
    """What must be equal for two figures to stand in one series.

    The digest of the system's file is not among them: a comment added there would begin every series anew. A timeline
    marks where it changed instead, and says so beside each move that it may explain.
    """

    system: str
    metric: str
    variant: str
    scenario: str
    condition: str
    unit: str
    effort: str
    domain: str
    fingerprint: str

    @property
    def label(self) -> str:
        """The figure's name for people, without machine and effort."""
        return figure_label(self.metric, self.variant, self.scenario, self.condition)


def key_of(row: Row) -> SeriesKey:
    """Return the series that a row belongs to."""
    return SeriesKey(**{field.name: getattr(row, field.name) for field in fields(SeriesKey)})


def figure_label(metric: str, variant: str, scenario: str, condition: str) -> str:
    """Return the name of a figure: the metric, then where it was taken, a long condition by its beginning."""
    where = ", ".join(
        part for part in (variant, scenario, shorten(condition, LONGEST_CONDITION, placeholder=" ...")) if part
    )
    return f"{metric} [{where}]" if where else metric
