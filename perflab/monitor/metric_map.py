"""Which exported series carry what the targets speak of: the one place that knows a system's metric names."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Series:
    """A Prometheus series: name and label matchers, without a job."""

    name: str
    matchers: str = ""

    def select(self, job: str, suffix: str = "", extra: str = "") -> str:
        """Return the selector of one job: ``name{job="x",stage="response"}``."""
        labels = ",".join(part for part in (f'job="{job}"', self.matchers, extra) if part)
        return f"{self.name}{suffix}{{{labels}}}"


@dataclass(frozen=True)
class MetricMap:
    """The series of one system. `latency` maps the metric of a target to a histogram in seconds.

    `bad` and `total` count events for the error rate; `traffic` is a gauge above zero while somebody uses the system;
    `always` exist from the first scrape on, so that their absence is a fault. `gaps`: what no series tells, and why.
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


VOICE_GATEWAY = MetricMap(
    job="voice-gateway",
    latency={
        "voice_response_time": Series("gateway_turn_stage_seconds", 'stage="response"'),
        "api_latency_simple": Series("gateway_api_seconds", 'tag="simple"'),
        "api_latency_complex": Series("gateway_api_seconds", 'tag="complex"'),
    },
    bad=(Series("gateway_session_errors_total"),),
    total=(Series("gateway_turns_total"), Series("gateway_session_errors_total")),
    units=Series("gateway_turns_total"),
    traffic=Series("gateway_sessions"),
    network=Series("gateway_audio_bytes_total"),
    always=(Series("gateway_sessions"), Series("gateway_session_errors_total"), Series("process_cpu_seconds_total")),
    gaps={
        "client_time": "the gateway times a turn from the last speech frame it received: the way to and from the "
        "client is not in it; a synthetic probe sees that",
        "disk": "the gateway exports no disk figures: take node_disk_io_time_seconds_total of the node exporter",
        "sessions_started": "no counter of sessions started: turns that ended stand in for sessions completed",
    },
)

_MAPS = {"voice-gateway": VOICE_GATEWAY}


def metric_map(system_name: str) -> MetricMap | None:
    """Return the map of a system by the name in its TOML; None when perflab knows no series of it."""
    return _MAPS.get(system_name)
