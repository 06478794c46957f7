"""The cache's figures for Prometheus: read when they are asked for, so that a read pays for counting only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from perflab.gateway.state.cached.counts import Counts
    from perflab.gateway.state.layer import Layer


class CacheCollector(Collector):
    """Hits by level, misses, loads, ages and faults since the start."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Return the figures as they are now."""
        c = self._counts
        hits = CounterMetricFamily("gateway_cache_hits", "Reads answered by a level", labels=["level"])
        for level, count in c.hits.items():
            hits.add_metric([level], count)
        faults = CounterMetricFamily("gateway_cache_faults", "Values not used, commands failed", labels=["kind"])
        for kind, count in c.faults.items():
            faults.add_metric([kind], count)
        yield hits
        yield faults
        yield CounterMetricFamily("gateway_cache_misses", "Reads that no level answered", value=c.misses)
        yield CounterMetricFamily("gateway_cache_loads", "Loads from the store", value=c.loads)
        yield CounterMetricFamily("gateway_cache_refreshes", "Loads ahead of expiry", value=c.refreshes)
        yield CounterMetricFamily("gateway_cache_invalidations", "Invalidations by own writes", value=c.invalidations)
        yield CounterMetricFamily("gateway_cache_heard", "Invalidations that other workers announced", value=c.heard)
        yield CounterMetricFamily(
            "gateway_cache_flushed", "Writes stored after they were acknowledged", value=c.flushed
        )
        yield GaugeMetricFamily("gateway_cache_pending", "Writes acknowledged and not stored yet", value=c.pending)
        yield CounterMetricFamily("gateway_cache_hit_age_seconds", "Summed age of cached answers", value=c.age_s)
        yield GaugeMetricFamily("gateway_cache_oldest_hit_seconds", "Greatest age of a cached answer", value=c.oldest_s)


class LayerCollector(Collector):
    """What the layers over a store count: loads that were shared, rows that came by one query."""

    def __init__(self, top: Layer) -> None:
        self._top = top

    def collect(self) -> Iterator[Metric]:
        """Return the counters as they are now."""
        for name, value in self._top.counted().items():
            yield CounterMetricFamily(f"gateway_state_{name}", name.replace("_", " ").capitalize(), value=value)
