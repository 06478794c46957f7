"""What a system's TOML file may say. Unknown keys are errors: a misspelt key must not be ignored silently."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Equivalence = Literal["exact", "tolerance", "loss"]
Name = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FlagValue(_Table):
    """One setting of a flag: which strategy it realises, and how its answers may differ from the baseline's.

    `needs` names the settings without which it does nothing (flag to values, any one of them): whoever measures it
    lays them under both arms.
    """

    value: str
    strategy: str = ""
    equivalence: Equivalence = "exact"
    needs: dict[str, tuple[str, ...]] = {}


class Flag(_Table):
    """One switch of a system; the first value is the baseline's.

    `client`: the load file alone takes it, from `generator.plan.flags`; no process is handed it.
    """

    name: str = Name
    help: str = ""
    optimised: str
    client: bool = False
    touches: tuple[str, ...] = ()  # libraries, files or functions that it replaces: where a profile points to it
    values: tuple[FlagValue, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _optimised_is_a_value(self) -> Flag:
        if self.optimised not in self.names:
            raise ValueError(f"optimised = {self.optimised!r} must be one of {list(self.names)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The values' names, the baseline's first."""
        return tuple(value.value for value in self.values)

    @property
    def baseline(self) -> str:
        """The baseline's value."""
        return self.names[0]

    def value_of(self, name: str) -> FlagValue:
        """Return the value of that name; raises KeyError."""
        return {value.value: value for value in self.values}[name]


class Condition(_Table):
    """A setting of the world around the system; `judged` lists the values under which targets are judged.

    `about`: what a value stands for and where its figures come from; whoever reads a verdict under it sees that.
    """

    name: str = Name
    help: str = ""
    default: str
    values: tuple[str, ...] = Field(min_length=1)
    judged: tuple[str, ...] = ()
    about: dict[str, str] = {}

    @model_validator(mode="after")
    def _about_values(self) -> Condition:
        if unknown := sorted(set(self.about) - set(self.values)):
            raise ValueError(f"about speaks of {', '.join(unknown)}, which must be among {list(self.values)}")
        return self

    def told(self, value: str) -> str:
        """Return what a value stands for, in words; empty where the file does not say."""
        return f"{self.help}: {self.about[value]}" if self.help and value in self.about else self.about.get(value, "")


class Ready(_Table):
    """How to see that a process is ready; exactly one probe."""

    http: str = ""
    https: str = ""
    tcp: str = ""
    log: str = ""  # regular expression searched in the process's output
    timeout_s: float = Field(default=30.0, gt=0, le=600)

    @model_validator(mode="after")
    def _one_probe(self) -> Ready:
        if sum(map(bool, (self.http, self.https, self.tcp, self.log))) != 1:
            raise ValueError("exactly one of http, https, tcp, log must be given")
        return self


class ProcessLog(_Table):
    """A row log that the process writes (perflab.wire.rowlog), joined to units by (user, seq)."""

    file: str
    marks: tuple[str, ...] = Field(max_length=8)


class Process(_Table):
    """One process: what is measured (role system) or the world around it (role standin)."""

    name: str = Name
    role: Literal["system", "standin"] = "system"
    command: tuple[str, ...] = Field(min_length=1)
    ready: Ready
    env: dict[str, str] = {}
    cwd: str = ""
    flag_format: str = "--{name}={value}"
    plant_env: str = ""
    log: ProcessLog | None = None
    after: str = ""  # a file: the process starts as soon as it exists, not only when all stand-ins are ready
    stop_timeout_s: float = Field(default=10.0, gt=0, le=60)


class Server(_Table):
    """A real server beside the system: one from a wheel for each trial, or the user's own by `url` or `url_env`.

    `{server:NAME}` in texts becomes its URL. With `when` (flag to values) it is started for those variants only, and
    its URL is empty in all others. `settings` go to a server from a wheel; `url_env` names an environment variable
    that, where it is set, holds the URL of a server of one's own (and keeps its password out of the file).
    """

    name: str = Name
    kind: Literal["redis", "postgres"]
    role: Literal["system", "standin"] = "standin"
    url: str = ""
    url_env: str = ""
    when: dict[str, tuple[str, ...]] = {}
    settings: dict[str, str | int | float | bool] = {}

    @property
    def own_url(self) -> str:
        """The URL of the user's own server; empty when one is to be started."""
        return os.environ.get(self.url_env, "") or self.url if self.url_env else self.url

    def needed_by(self, flags: dict[str, str]) -> bool:
        """Say whether a variant with these flags uses the server."""
        return all(flags.get(name) in values for name, values in self.when.items())


class Load(_Table):
    """The locust file that drives the system."""

    file: str
    users: dict[str, float] = Field(min_length=1)
    primary: str
    unit_kind: Literal["turn", "request", "arrival"] = "request"
    probe_seconds: float = Field(default=1.0, gt=0)
    options: dict[str, float] = {}
    arrivals: bool = True  # open arrivals are sent where the primary user defines `arrive`; false: not even there

    @model_validator(mode="after")
    def _primary_is_a_user(self) -> Load:
        if self.primary not in self.users:
            raise ValueError(f"primary = {self.primary!r} must be one of {sorted(self.users)}")
        return self


class Stage(_Table):
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


class SpanSum(_Table):
    """A sum of marks in milliseconds; `role` says what it is of a unit.

    `added`: the system's own share. `world`: how much later than it meant to a process of the world around the system
    answered, what it meant being among `durations`; at p99 `check_ms` at most, or no response time is the system's.
    """

    name: str = Name
    help: str = ""
    role: Literal["added", "world", ""] = ""
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


class Spans(_Table):
    """Where the marks of a unit come from and what is computed from them."""

    marks: tuple[str, ...] = Field(default=(), max_length=8)
    stage: tuple[Stage, ...] = ()
    sum: tuple[SpanSum, ...] = ()


class Scenario(_Table):
    """A load shape over time; `asks`: the goal without a number that it shows, which is reported and not judged."""

    name: str = Name
    title: str
    users: int = Field(gt=0, le=100_000)
    duration_s: float = Field(gt=0)
    quick_s: float = Field(gt=0)
    shape: Literal["steady", "spike"] = "steady"
    asks: str = ""


class Measure(_Table):
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


class Metrics(_Table):
    """Where the system exposes metrics in Prometheus' text format."""

    url: str = ""


class SeriesName(_Table):
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


class Monitor(_Table):
    """Which exported series carry what the targets speak of; without it no alert rules are made.

    `latency` maps a target's metric to a histogram in seconds; `bad` and `total` count events for the error rate;
    `traffic` is a gauge of those who use the system now; `always` exist from the first scrape on. `cpu` counts seconds
    and `memory` is a gauge of bytes, by the names that Prometheus' own clients give them.
    """

    job: str
    units: SeriesName
    traffic: SeriesName
    latency: dict[str, SeriesName] = {}
    bad: tuple[SeriesName, ...] = ()
    total: tuple[SeriesName, ...] = ()
    always: tuple[SeriesName, ...] = ()
    cpu: SeriesName = SeriesName(name="process_cpu_seconds_total")
    memory: SeriesName = SeriesName(name="process_resident_memory_bytes")
    network: SeriesName | None = None
    gaps: dict[str, str] = {}


class Prices(_Table):
    """What the world around the system costs and allows: `core_hour` of one core, `upstream_sessions` at one time.

    `source`: where the figures come from, and of when; pages show it beside all that is computed from them. No price
    is ever assumed: without `core_hour` no cost is stated.
    """

    source: str = Field(min_length=1)
    core_hour: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    currency: str = ""
    upstream_sessions: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _price_in_a_currency(self) -> Prices:
        if self.core_hour and not self.currency:
            raise ValueError("core_hour is an amount of what? Name the currency")
        return self


class System(_Table):
    """A system under test, as its TOML file describes it."""

    schema_: int = Field(alias="schema")
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    name: str = Name
    title: str
    domain: str
    targets: str = ""
    strategies: str = ""
    cards: str = ""  # what an engineer must know of each strategy: the texts of the strategy guide
    judge: str = "optimised"
    unit: str = "request"
    memory_budget_mb: float = Field(default=0.0, ge=0)
    source: str = ""
    laboratories: tuple[str, ...] = ()  # notebooks of parts by themselves (kernels, codecs, caches) that bear on it
    load: Load
    condition: tuple[Condition, ...] = ()
    process: tuple[Process, ...] = Field(min_length=1)
    server: tuple[Server, ...] = ()
    ports: dict[str, Annotated[int, Field(ge=1, le=65535)]] = {}
    endpoints: dict[str, str]
    metrics: Metrics = Metrics()
    monitor: Monitor | None = None
    prices: Prices | None = None
    spans: Spans = Spans()
    scenario: tuple[Scenario, ...] = Field(min_length=1)
    measure: tuple[Measure, ...] = ()
    target_scenario: dict[str, str] = {}
    flag: tuple[Flag, ...] = ()
    path: Path = Path()
    digest: str = ""

    def resolve(self, relative: str) -> Path:
        """Return a path of the file, which is relative to the file's own folder."""
        return (self.path.parent / relative).resolve()

    def conditions(self, **chosen: str) -> dict[str, str]:
        """Return the value of every condition: the default where nothing else is chosen."""
        return {c.name: chosen.get(c.name, c.default) for c in self.condition}

    def scenario_named(self, name: str) -> Scenario:
        """Return the scenario of that name; raises KeyError."""
        return {s.name: s for s in self.scenario}[name]

    @property
    def system_processes(self) -> tuple[Process, ...]:
        """The processes that are measured."""
        return tuple(p for p in self.process if p.role == "system")
