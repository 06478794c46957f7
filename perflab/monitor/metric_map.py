"""Which exported series carry what the targets speak of; made from the [monitor] table of its TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Series:
    """A Prometheus series: name and label matchers, without a job.

    `example`: labels that the matchers match, for tests; needed only where they hold a regular expression.
    """

    name: str
    matchers: str = ""
    example: str = ""

    def select(self, job: str, suffix: str = "", extra: str = "") -> str:
        """Return the selector of one job: ``name{job="x",stage="response"}``."""
        labels = ",".join(part for part in (f'job="{job}"', self.matchers, extra) if part)
        return f"{self.name}{suffix}{{{labels}}}"

    def sample(self, job: str, suffix: str = "", extra: str = "") -> str:
        """Return one series that `select` finds: a test's series has labels, and no regular expression."""
        return replace(self, matchers=self.example or self.matchers).select(job, suffix, extra)


@dataclass(frozen=True)
class MetricMap:
    """The series of one system. `latency` maps the metric of a target to a histogram in seconds.

    `bad` and `total` count events for the error rate; `traffic` is a gauge of those who use the system now;
    `always` exist from the first scrape on, so that their absence is a fault. `gaps`: what no series tells, and why.
    `cpu` counts seconds, `memory` is a gauge of bytes.
    """

    job: str
    latency: dict[str, Series]
    bad: tuple[Series, ...]
    total: tuple[Series, ...]
    units: Series  # counter of finished units of work
    traffic: Series
    cpu: Series = Series("process_cpu_seconds_total")
    memory: Series = Series("process_resident_memory_bytes")
    network: Series | None = None
    always: tuple[Series, ...] = ()
    gaps: dict[str, str] = field(default_factory=dict)

    @property
    def fine(self) -> tuple[Series, ...]:
        """The counters of all events that are not counters of bad ones."""
        return tuple(part for part in self.total if part not in self.bad)
