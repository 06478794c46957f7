"""What was found adds up over sessions that are open and sessions that are over, and never goes down."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from perflab.gateway.audio.collector import AudioCollector
from perflab.gateway.audio.media_plane import MediaPlane
from perflab.gateway.flags import BASELINE
from perflab.wire.audio_format import DEFAULT, FORMATS
from perflab.wire.frame import Frame, FrameError, FrameType

from .test_audio_stages import Sink

LOUD, QUIET = b"\x00\x20\x00\xe0" * 160, bytes(640)


def plane(**flags: str) -> MediaPlane:
    return MediaPlane({**BASELINE, **flags})


def hear(lane: Any, *payloads: bytes) -> None:
    for at, payload in enumerate(payloads, start=1):
        lane.hear(Frame(FrameType.AUDIO, 1, at, at * 20, payload), at)


def test_figures_outlive_their_sessions() -> None:
    media = plane(voice_activity="energy")
    one, other = (media.join(number, DEFAULT, Sink(), None, None) for number in (1, 2))  # type: ignore[arg-type]
    assert one is not None and other is not None
    hear(one, LOUD, LOUD, QUIET)
    hear(other, QUIET)
    before = media.totals()
    assert (before.frames, before.voiced, before.peak, before.bytes_in) == (4, 2, 8192, 2560)
    assert media.of_session(1)["speech_dbfs"] == -12.0  # type: ignore[index]
    media.leave(1, one)
    assert media.totals() == before
    assert media.of_session(1) is None
    assert media.of_session(2)["speech_dbfs"] is None  # type: ignore[index]


def test_a_number_that_comes_again_is_the_newer_session() -> None:
    media = plane(voice_activity="energy")
    old, new = (media.join(7, DEFAULT, Sink(), None, None) for _ in range(2))  # type: ignore[arg-type]
    assert old is not None and new is not None
    hear(new, LOUD)
    media.leave(7, old)
    assert media.of_session(7)["frames"] == 1  # type: ignore[index]


def test_two_open_sessions_of_one_number_both_count_and_no_sum_goes_down() -> None:
    media = plane(voice_activity="energy")
    old, new = (media.join(7, DEFAULT, Sink(), None, None) for _ in range(2))  # type: ignore[arg-type]
    assert old is not None and new is not None
    hear(old, LOUD, LOUD)
    hear(new, LOUD)
    assert media.totals().frames == 3
    hear(old, LOUD)
    media.leave(7, old)
    assert media.totals().frames == 4
    hear(new, QUIET)
    media.leave(7, new)
    assert (media.totals().frames, media.totals().voiced) == (5, 4)


def test_prometheus_reads_the_sums() -> None:
    media, registry = plane(voice_activity="energy"), CollectorRegistry()
    registry.register(AudioCollector(media))
    assert "gateway_speech_level_dbfs" not in generate_latest(registry).decode()
    lane = media.join(1, DEFAULT, Sink(), None, None)  # type: ignore[arg-type]
    hear(lane, LOUD, QUIET, QUIET)
    lines = generate_latest(registry).decode().splitlines()
    for line in ('gateway_audio_frames_total{found="speech"} 1.0', 'gateway_audio_frames_total{found="silence"} 2.0',
                 'gateway_client_audio_bytes_total{direction="up"} 1920.0'):  # fmt: skip
        assert line in lines


@pytest.mark.parametrize(
    ("flags", "activity", "suppress"),
    [
        ({}, "", False),
        ({"silence": "suppressed"}, "energy", True),
        ({"silence": "suppressed", "voice_activity": "silero"}, "silero", True),
        ({"pipeline": "batched", "tick": "ms5"}, "", False),
    ],
)
def test_the_plan_that_flags_describe(flags: dict[str, str], activity: str, suppress: bool) -> None:
    media = plane(**flags)
    assert (media.plan.activity, media.plan.suppress) == (activity, suppress)
    assert (media.pipeline is not None) == bool(activity)  # how to compute is nothing without what


def test_a_gateway_takes_the_forms_that_it_offers() -> None:
    plan = plane(client_audio="opus").plan
    assert plan.agreed(None) == plan.agreed({"codec": "pcm", "rate": 16_000}) == DEFAULT
    assert plan.agreed(FORMATS["opus"].asked()) == FORMATS["opus"]
    assert not plan.concerns(DEFAULT)
    with pytest.raises(FrameError, match="takes pcm at 16000 Hz or opus at 16000 Hz"):
        plan.agreed(FORMATS["pcm48k"].asked())
