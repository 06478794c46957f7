"""What a system exports for its operator: the series by which targets are watched and alerts are made."""

from __future__ import annotations

from pydantic import Field, model_validator

from perflab.system.tables.table import Table


class Metrics(Table):
    """Where the system exposes metrics in Prometheus' text format."""

    url: str = ""


class SeriesName(Table):
    """A Prometheus series: its name and label matchers; `example` are labels that a regular expression matches."""

    name: str
    matchers: str = ""
    example: str = ""

    @model_validator(mode="after")
    def _tests_need_labels(self) -> SeriesName:
        if ("=~" in self.matchers or "!~" in self.matchers) and not self.example:
            raise ValueError(f"matchers {self.matchers} hold a regular expression: name labels that it matches in "
                             "example, as promtool's tests need a series of their own")  # fmt: skip
        return self


class Monitor(Table):
    """Which exported series carry what the targets speak of; without it no alert rules are made.

    `latency` maps a target's metric to a histogram in seconds; `bad` and `total` count events for the error rate;
    `traffic` is a gauge of those who use the system now; `always` exist from the first scrape on. `cpu` counts seconds
    and `memory` is a gauge of bytes, by the names that Prometheus' own clients give them.
    """

    job: str
    units: SeriesName
    traffic: SeriesName
    latency: dict[str, SeriesName] = Field(default_factory=dict)
    bad: tuple[SeriesName, ...] = ()
    total: tuple[SeriesName, ...] = ()
    always: tuple[SeriesName, ...] = ()
    cpu: SeriesName = SeriesName(name="process_cpu_seconds_total")
    memory: SeriesName = SeriesName(name="process_resident_memory_bytes")
    network: SeriesName | None = None
    gaps: dict[str, str] = Field(default_factory=dict)
