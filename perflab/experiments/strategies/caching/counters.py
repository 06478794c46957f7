"""What a system's metrics page counts, before and after a piece of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perflab.experiments.strategies.experiment import Target

LARGEST = 4 << 20


@dataclass(frozen=True)
class Counters:
    """Counters by name with labels, as Prometheus' text form has them."""

    values: Mapping[str, float]

    def since(self, earlier: Counters, name: str) -> float:
        """Return how much all series of a counter grew; 0 for one that the system does not expose."""
        return sum(
            value - earlier.values.get(series, 0.0)
            for series, value in self.values.items()
            if series.partition("{")[0] == f"{name}_total"
        )


async def counters(target: Target) -> Counters:
    """Read the system's metrics page; raises ValueError for a page of more than 4 MiB."""
    async with target.client.get(target.running.metrics_url) as answer:
        body = await answer.content.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"a metrics page of more than {LARGEST} bytes")
    return Counters(parsed(body.decode("utf-8", "replace")))


def parsed(text: str) -> dict[str, float]:
    """Return the samples of a page in Prometheus' text form; lines that are none are left out."""
    found = {}
    for line in text.splitlines():
        name, _, number = line.rpartition(" ")
        if name and not line.startswith("#"):
            try:
                found[name] = float(number)
            except ValueError:
                continue
    return found
