"""What a policy is: one function from a trace and a capacity to the requests that it missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from perflab.cache.trace import Trace


@dataclass(frozen=True)
class Misses:
    """What a simulation counts: requests and missed ones, bytes asked for and bytes of the missed requests."""

    requests: int
    missed: int
    bytes: int
    missed_bytes: int

    @property
    def ratio(self) -> float:
        """The share of requests that missed."""
        return self.missed / self.requests

    @property
    def hit_ratio(self) -> float:
        """The share of requests that hit."""
        return 1.0 - self.ratio

    @property
    def byte_ratio(self) -> float:
        """The share of the bytes that had to come from behind the cache."""
        return self.missed_bytes / self.bytes


class Policy(Protocol):
    """A module of `perflab.cache.policies`: its name in tables, what it needs, and its compiled simulation.

    `run` returns missed requests and missed bytes. `capacity` counts bytes where the trace has sizes, else objects.
    An object keeps the size that it had when it entered, and one larger than the cache passes it by.
    """

    NAME: str

    @staticmethod
    def run(trace: Trace, capacity: int, ttl_s: float) -> tuple[int, int]:
        """Simulate; `ttl_s` is used by policies with expiry alone."""
        ...
