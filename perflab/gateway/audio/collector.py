"""The audio stages' figures for Prometheus: summed when they are asked for, so that a frame costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from perflab.gateway.audio.media_plane import MediaPlane


class AudioCollector(Collector):
    """Counters of frames, speech, turns and ticks since the start, and the level of all speech so far."""

    def __init__(self, media: MediaPlane) -> None:
        self._media = media

    def collect(self) -> Iterator[Metric]:
        """Return the figures as they are now."""
        heard, counts = self._media.totals(), self._media.counts
        frames = CounterMetricFamily("gateway_audio_frames", "Frames of 20 ms from clients", labels=["found"])
        frames.add_metric(["speech"], heard.voiced)
        frames.add_metric(["silence"], heard.frames - heard.voiced)
        yield frames
        yield CounterMetricFamily("gateway_audio_suppressed_frames", "Frames kept from Live", value=heard.suppressed)
        yield CounterMetricFamily(
            "gateway_audio_refused_packets", "Packets not decoded, concealed", value=heard.refused
        )
        yield CounterMetricFamily("gateway_audio_speech_ends", "Ends of speech found", value=heard.turns)
        both_ways = CounterMetricFamily(
            "gateway_client_audio_bytes", "Audio bytes on the client's side", labels=["direction"]
        )
        both_ways.add_metric(["up"], heard.bytes_in)
        both_ways.add_metric(["down"], heard.bytes_out)
        yield both_ways
        if heard.speech_dbfs is not None:
            yield GaugeMetricFamily("gateway_speech_level_dbfs", "Level of all speech so far", value=heard.speech_dbfs)
        yield CounterMetricFamily("gateway_audio_ticks", "Ticks of the batch", value=counts.ticks)
        yield CounterMetricFamily("gateway_audio_tick_frames", "Frames that ticks have worked on", value=counts.frames)
        yield CounterMetricFamily("gateway_audio_tick_seconds", "Time that the batch has worked", value=counts.seconds)
        yield CounterMetricFamily(
            "gateway_audio_tick_wait_seconds", "Time that frames have waited", value=counts.waited_s
        )
