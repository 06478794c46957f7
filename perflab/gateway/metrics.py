"""What the gateway counts and times, for Prometheus."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from perflab.gateway.session.turn import Turn
from perflab.wire.marks import Mark

STAGES: dict[str, tuple[Mark, Mark]] = {
    "response": (Mark.RX_LAST, Mark.TX_FIRST),  # what the user waits for, as far as the gateway can see it
    "audio_up": (Mark.RX_LAST, Mark.UP_TX_LAST),
    "upstream": (Mark.UP_TX_LAST, Mark.UP_RX_FIRST),
    "tool": (Mark.TOOL_START, Mark.TOOL_END),
    "reply_down": (Mark.UP_RX_FIRST, Mark.TX_FIRST),
    "reply": (Mark.TX_FIRST, Mark.TX_LAST),
}


class Metrics:
    """One gateway's metrics in a registry of their own; bucket edges in seconds come from the settings."""

    def __init__(self, buckets: tuple[float, ...]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.sessions = Gauge("gateway_sessions", "Voice sessions that are open", registry=self.registry)
        self.turns = Counter("gateway_turns", "Turns that have ended", ["outcome"], registry=self.registry)
        self.errors = Counter("gateway_session_errors", "Sessions that ended in an error", registry=self.registry)
        self.refused = Counter("gateway_sessions_refused", "Sessions refused for overload", registry=self.registry)
        self.unanswered = Counter(
            "gateway_turns_unanswered", "Turns whose client left before any of the reply", registry=self.registry
        )
        self.state_reachable = Gauge("gateway_state_reachable", "0 when the last access missed", registry=self.registry)
        self.renewals = Counter("gateway_live_renewals", "Live connections that were resumed", registry=self.registry)
        self.audio_bytes = Counter("gateway_audio_bytes", "Audio bytes", ["direction"], registry=self.registry)
        self._stages = Histogram(
            "gateway_turn_stage_seconds", "Time that a turn spends in each stage", ["stage"],
            buckets=buckets, registry=self.registry,
        )  # fmt: skip
        self.requests = Histogram(
            "gateway_api_seconds", "Time of HTTP API operations", ["operation", "tag", "status"],
            buckets=buckets, registry=self.registry,
        )  # fmt: skip

    def turn_ended(self, turn: Turn) -> None:
        """Count a turn and time its stages; stages that it did not pass are left out."""
        self.turns.labels(turn.outcome).inc()
        self.audio_bytes.labels("up").inc(turn.speech_bytes)
        self.audio_bytes.labels("down").inc(turn.reply_bytes)
        for stage, (earlier, later) in STAGES.items():
            duration = turn.between_s(earlier, later)
            if duration is not None:
                self._stages.labels(stage).observe(duration)

    def register_layers(self, state: Any) -> None:
        """Expose what the layers over the store count, and what a cache among them counts; nothing where none is."""
        if not hasattr(state, "counted"):
            return
        from perflab.gateway.state.cached.collector import CacheCollector, LayerCollector

        self.registry.register(LayerCollector(state))
        if hasattr(state, "counts"):
            self.registry.register(CacheCollector(state.counts))

    def exposition(self) -> bytes:
        """Return the text exposition."""
        return generate_latest(self.registry)
