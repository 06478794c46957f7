"""A system under test, as its TOML file describes it: the tables of `perflab.system.tables` in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from perflab.system.tables.load import Load, Measure, Scenario
from perflab.system.tables.monitor import Metrics, Monitor
from perflab.system.tables.prices import Prices
from perflab.system.tables.processes import Process, Server
from perflab.system.tables.settings import Condition, Flag
from perflab.system.tables.spans import Spans
from perflab.system.tables.table import Name, Table


class System(Table):
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
    ports: dict[str, Annotated[int, Field(ge=1, le=65535)]] = Field(default_factory=dict)
    endpoints: dict[str, str]
    metrics: Metrics = Metrics()
    monitor: Monitor | None = None
    prices: Prices | None = None
    spans: Spans = Spans()
    scenario: tuple[Scenario, ...] = Field(min_length=1)
    measure: tuple[Measure, ...] = ()
    target_scenario: dict[str, str] = Field(default_factory=dict)
    flag: tuple[Flag, ...] = ()
    path: Path = Path()
    digest: str = ""

    def resolve(self, relative: str) -> Path:
        """Return a path of the file, which is relative to the file's own folder."""
        return (self.path.parent / relative).resolve()

    def conditions(self, **chosen: str) -> dict[str, str]:
        """Return the value of every condition: the default where nothing else is chosen."""
        return {c.name: chosen.get(c.name, c.default) for c in self.condition}

    @property
    def system_processes(self) -> tuple[Process, ...]:
        """The processes that are measured."""
        return tuple(p for p in self.process if p.role == "system")
