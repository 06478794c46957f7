"""New sessions are refused while the event loop lags all the time; who is in is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.gateway.flags.admission import Admission
from perflab.gateway.standing_lag import LoopWatch

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class ByLag:
    """Refuses while the loop is overloaded, by the rule of `StandingLag`."""

    def __init__(self) -> None:
        self._watch = LoopWatch()
        self.lag = self._watch.lag

    def watch(self) -> None:
        """Begin to probe the loop."""
        self._watch.begin()

    def refuses(self) -> bool:
        """Say whether the loop is overloaded now: one look at a flag, since an overload is when this is asked most."""
        return self.lag.overloaded


def build(registry: CollectorRegistry) -> Admission:
    """Return it, its lag in the metrics."""
    from prometheus_client import Gauge

    made = ByLag()
    lag = Gauge("gateway_standing_lag_seconds", "Smallest lag of the loop in half a second", registry=registry)
    lag.set_function(lambda: made.lag.smallest_s)
    return made
