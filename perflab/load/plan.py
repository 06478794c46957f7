"""A load plan: what the parent asks of one locust process, as one JSON file that both can read.

This module imports nothing but the standard library: it is read inside the load generator as well as outside it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

SHIPPING_S = 30.0  # how long the logs of a worker on another machine may take to arrive once the drain is over
PLAN_ENV = "PERFLAB_LOAD_PLAN"  # path of the plan's JSON, in the load generator's environment


@dataclass(frozen=True)
class LoadPlan:
    """One load run.

    `steps` is the closed load: (second from start, users) pairs, held until the next; the last pair is (end, 0).
    `arrivals_per_s` is the open load: a seeded Poisson schedule, walked whatever the system does; 0 = closed.
    `users` maps locust user class to weight; `primary` is the class that `steps` counts, the others are added in
    proportion (weight / weight of primary). `warmup_s` rows are kept and marked.
    """

    name: str
    host: str
    endpoints: dict[str, str]
    users: dict[str, float]
    primary: str
    steps: tuple[tuple[float, int], ...]
    duration_s: float
    out_dir: str
    seed: int = 7
    warmup_s: float = 0.0
    arrivals_per_s: float = 0.0
    workers: int = 1
    master: str = ""  # host:port of a master elsewhere; "" = this process drives alone or starts its own
    flags: dict[str, str] = field(default_factory=dict)  # the variant's flags, for clients that must match them
    conditions: dict[str, str] = field(default_factory=dict)
    options: dict[str, float] = field(default_factory=dict)  # numbers that the load file understands
    drain_s: float = 10.0  # how long units of work under way at the end may still finish
    bind: str = "127.0.0.1"  # where an own master listens; workers on other machines need an address they can reach
    remote_workers: int = 0  # how many workers on other machines an own master waits for

    @property
    def longest_s(self) -> float:
        """How long the load may take from its start: duration, drain, and the way of remote logs to the master."""
        return self.duration_s + self.drain_s + (SHIPPING_S if self.remote_workers or self.master else 0.0)

    def save(self, path: Path) -> None:
        """Write the plan as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> LoadPlan:
        """Read a plan written by `save`."""
        body = json.loads(path.read_text(encoding="utf-8"))
        body["steps"] = tuple((float(at), int(users)) for at, users in body["steps"])
        return cls(**body)
