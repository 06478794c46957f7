"""What an experiment on one strategy is: which arms, which work, which figures, at what price."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.errors import UsageError
from perflab.experiments.null_arm import CPU_MARGIN, MEMORY_MARGIN, P95_MARGIN

if TYPE_CHECKING:
    import aiohttp

    from perflab.experiments.study import Study
    from perflab.system.launch import RunningSystem
    from perflab.system.variant import Variant

BASE = "base"  # the arm that all others are compared with; not always the variant called baseline


@dataclass(frozen=True)
class Target:
    """A started system as a workload sees it; `rng` gives the same numbers in every arm of a block."""

    endpoints: dict[str, str]
    running: RunningSystem
    client: aiohttp.ClientSession
    rng: np.random.Generator
    seconds: float  # how long the measured work goes on
    block: int
    variant: Variant

    @property
    def api(self) -> str:
        """The base URL of the system's HTTP API."""
        return self.endpoints["api"]

    @property
    def voice(self) -> str:
        """The URL of the system's voice socket."""
        return self.endpoints["voice"]


@dataclass(frozen=True)
class Work:
    """What a workload did in one block of one arm.

    `latency_ms` float64 [answered requests], each from when it was due; `late_ms` float64 [sent requests], how long
    after that each left the client; `figures` further values of this block by column; `answers` a digest of what was
    answered where all arms must agree, empty where nothing is compared. `none_answered_counts`: that nobody was
    answered is what this block found, and no fault; anywhere else it ends the experiment.
    """

    latency_ms: np.ndarray
    late_ms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    failed: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    answers: str = ""
    none_answered_counts: bool = False


@dataclass(frozen=True)
class FigureSpec:
    """A figure that arms are compared by: as a ratio, or `in_units` as a difference (where zero is a good value).

    `margin`: the smallest change that matters, a share of the value, or so many units. `means`: it explains how a
    strategy works (fewer reads of the store) and is no gain by itself; CPU, tail and memory say whether that paid.
    """

    column: str
    name: str
    unit: str
    margin: float
    lower_is_better: bool = True
    in_units: bool = False
    means: bool = False

    def __post_init__(self) -> None:
        if self.in_units and not self.unit:
            raise UsageError(f"Figure {self.column} is compared in units", "it needs the name of its unit")


STANDARD = (  # nothing is adopted on one figure: the tail and the memory stand beside the CPU
    FigureSpec("cpu_ms_per_request", "CPU per request", "ms", CPU_MARGIN),
    FigureSpec("p95_ms", "response p95", "ms", P95_MARGIN),
    FigureSpec("memory_mb", "peak memory", "MB", MEMORY_MARGIN),
)
Workload = Callable[[Target], Coroutine[Any, Any, Work]]


@dataclass(frozen=True)
class StrategyExperiment:
    """One question: what do these settings do to this work, in this world?

    `arms`: settings ``flag=value``, several joined by ``+``, each laid over the variant `base` and compared with it.
    `condition` says in words what the world and the work are like; `conditions` sets the system's conditions.
    `strategies` names an arm's strategy where it is not `strategy`. `prepare` runs once for each started system,
    before anything is measured, and may return figures of this start, which stand in each of its blocks; `warm` runs
    before every block, unmeasured too, with random numbers of its own; where there is none, a process that is started
    for a single block does `first_s` seconds of the work before it.
    `fewer_failures`: failing less is what the strategy is for, so that arms need not fail
    alike. `fit` makes the work from what it measures first (the load that one core carries, say), once for a run.
    `price` and `turns` (the condition under which the sign turns around) are printed beside the gain.
    """

    key: str
    strategy: str
    title: str
    arms: tuple[str, ...]
    condition: str
    work: Workload
    prepare: Callable[[Target], Coroutine[Any, Any, Mapping[str, float] | None]] | None = None
    warm: Callable[[Target], Coroutine[Any, Any, None]] | None = None
    first_s: float = 0.5
    base: str = "baseline"
    conditions: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[FigureSpec, ...] = ()
    strategies: Mapping[str, str] = field(default_factory=dict)
    fewer_failures: bool = False
    beside: Callable[[str, RunningSystem], dict[str, str]] | None = None
    fit: Callable[[Study, StrategyExperiment], Workload] | None = None
    price: str = ""
    turns: str = ""

    def __post_init__(self) -> None:
        if not self.arms or len(set(self.arms)) != len(self.arms):
            raise UsageError(f"Experiment {self.key}: arms are {self.arms}", "at least one is needed, each once")
        if not self.key.replace("-", "").isalnum():
            raise UsageError(f"Experiment {self.key!r}", "a key is letters, digits and hyphens: it names a file")

    @property
    def all_figures(self) -> tuple[FigureSpec, ...]:
        """The standard figures and the experiment's own."""
        return (*STANDARD, *self.figures)

    def strategy_of(self, arm: str) -> str:
        """Return the strategy that an arm realises."""
        return self.strategies.get(arm, self.strategy)

    def variant_of(self, arm: str) -> str:
        """Return the name of an arm's variant."""
        return self.base if arm == BASE or self.beside else f"{self.base}+{arm}"
