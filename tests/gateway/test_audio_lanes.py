"""A lane's end, the end of a reply and the batch's clock: nothing of one session or reply is heard in another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.audio.codecs.opus import CODEC
from perflab.gateway.audio import bank as bank_module
from perflab.gateway.audio import ticks as ticks_module
from perflab.gateway.audio.plan import AudioPlan
from perflab.gateway.audio.rows import AHEAD
from perflab.gateway.session.turn import Turn
from perflab.wire.audio_format import DEFAULT, FORMATS, AudioFormat
from perflab.wire.frame import Frame, FrameType

from .test_audio_stages import EACH, LISTENS, Floor, Sink, sound

DOWN = 480  # samples of 20 ms of Live's audio
CONVERTED = pytest.mark.parametrize("name", ["pcm48k", "pcm8k"])


def said(seed: int, samples: int) -> bytes:
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype("<i2").tobytes()


def frame_of(payload: bytes) -> Frame:
    return Frame(FrameType.AUDIO, 1, 1, 0, payload)


def spoken(seed: int, form: AudioFormat) -> Frame:
    if form.codec == "opus":
        return frame_of(CODEC.encoder().encode(np.frombuffer(sound(seed, 1)[0], np.int16))[0])
    return frame_of(sound(seed, 1, form)[0])


def disturb(gone: Any, form: AudioFormat, turn: Turn) -> None:
    """All that may still come for a session that has left, in the middle of `turn`."""
    gone.hear(spoken(9, form), 1)
    gone.say(turn, said(7, 3 * DOWN + 50))
    gone.finish(turn)
    gone.hush()


def second_session(form: AudioFormat, disturbed: bool) -> tuple[Sink, Sink]:
    """Return what a session passed on after it left, and what its successor in the row did."""
    floor = Floor("batched", LISTENS, [form])
    first, sink, turn = floor.lanes[0], Sink(), Turn(1)
    first.say(turn, said(1, 2 * DOWN + 100))
    first.leave()
    floor.sinks[0].down.clear()
    if disturbed:
        disturb(first, form, turn)  # while the row is nobody's
    lane = floor.pipeline.join(form, sink, None, None)
    assert lane._row == first._row
    for at in range(4):
        lane.hear(spoken(at, form), at)
        lane.say(turn, said(at, DOWN + 30))
        if disturbed:
            disturb(first, form, turn)
        floor.tick()
    lane.finish(turn)
    return floor.sinks[0], sink


@pytest.mark.parametrize("name", ["pcm16k", "pcm48k", "opus"])
def test_a_session_that_has_left_touches_nothing_of_the_one_that_has_its_row(name: str) -> None:
    (_, alone), (gone, beside) = (second_session(FORMATS[name], disturbed) for disturbed in (False, True))
    assert (beside.up, beside.down) == (alone.up, alone.down)
    assert len(alone.up) == 4 and len(alone.down) > 3
    assert (gone.up, gone.down, gone.failed) == ([], [], [])


@EACH
@CONVERTED
@pytest.mark.parametrize("samples", [3 * DOWN, 3 * DOWN + 1, 3 * DOWN + 180, 4 * DOWN - 1])
def test_a_reply_is_sent_to_its_end_and_the_next_begins_anew(way: str, name: str, samples: int) -> None:
    form = FORMATS[name]
    floor = Floor(way, AudioPlan(offered=(DEFAULT, form)), [form, form])
    used, fresh = floor.lanes
    used.say(first := Turn(1), said(3, samples))
    used.finish(first)
    before = len(floor.sinks[0].down)
    assert before * DOWN >= samples + 0.0125 * 24_000  # what the filter holds is out
    assert before * DOWN < samples + 0.0125 * 24_000 + DOWN
    for lane in (used, fresh):
        lane.say(turn := Turn(2), said(4, 2 * DOWN))
        lane.finish(turn)
    assert floor.sinks[0].down[before:] == floor.sinks[1].down


@EACH
def test_the_end_of_a_reply_in_opus_is_heard(way: str) -> None:
    floor = Floor(way, AudioPlan(offered=(DEFAULT, FORMATS["opus"])), [FORMATS["opus"]])
    reply = np.zeros(3 * DOWN, np.int16)
    reply[-96:] = (9000 * np.sin(2 * np.pi * 500 * np.arange(96) / 24_000)).astype(np.int16)  # the last 4 ms of a frame
    floor.lanes[0].say(turn := Turn(1), reply.tobytes())
    floor.lanes[0].finish(turn)
    decoder = CODEC.decoder()
    heard = [decoder.decode(packet).astype(float) for packet in floor.sinks[0].down]
    assert len(heard) == 4
    energy = [float((frame**2).sum()) for frame in heard]
    assert energy[3] > 0.5 * sum(energy)  # most of it lies behind the frame that it was said in


@EACH
def test_a_reply_that_passes_as_it_is_gets_nothing_added(way: str) -> None:
    floor = Floor(way, LISTENS, [DEFAULT])
    pieces = [said(3, 2 * DOWN), said(4, 77)]
    for piece in pieces:
        floor.lanes[0].say(turn := Turn(1), piece)
        floor.lanes[0].finish(turn)
    assert floor.sinks[0].down == pieces


@EACH
def test_a_turn_without_audio_ends_without_a_frame(way: str) -> None:
    form = FORMATS["pcm48k"]
    floor = Floor(way, AudioPlan(offered=(DEFAULT, form)), [form])
    lane, turn = floor.lanes[0], Turn(1)
    lane.finish(turn)  # never said anything
    lane.say(turn, said(3, DOWN))
    lane.hush()
    floor.sinks[0].down.clear()
    lane.finish(turn)  # cut off
    lane.say(turn, said(3, DOWN))
    lane.finish(turn)
    lane.finish(turn)  # over already
    floor.tick()
    assert len(floor.sinks[0].down) == 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock in ns that stands still until a test moves it."""
    there = SimpleNamespace(ns=1_000_000_000)
    for module in (bank_module, ticks_module):
        monkeypatch.setattr(module, "now_ns", lambda: there.ns)
    return there


def takes(way: Any, ns: int, clock: SimpleNamespace) -> None:
    """Let each computation of a bank's way take this long."""
    compute = way.compute

    def slow() -> Any:
        clock.ns += ns
        return compute()

    way.compute = slow


def test_a_frame_waits_until_its_work_begins_and_not_until_it_ends(clock: SimpleNamespace) -> None:
    floor = Floor("batched", LISTENS, [DEFAULT, DEFAULT])
    takes(floor.lanes[0]._bank.up, 5_000_000, clock)
    for lane, before_ns in zip(floor.lanes, (3_000_000, 1_000_000), strict=True):
        lane.hear(frame_of(bytes(640)), clock.ns - before_ns)
    floor.lanes[0].hear(frame_of(bytes(640)), clock.ns)  # waits for the first one's 5 ms
    floor.pipeline._ticks._tick()
    counts = floor.pipeline.counts
    assert (counts.ticks, counts.frames) == (1, 3)
    assert counts.waited_s == pytest.approx(0.003 + 0.001 + 0.005)
    assert counts.seconds == pytest.approx(2 * 0.005)


def test_replies_that_are_worked_on_between_ticks_count_too(clock: SimpleNamespace) -> None:
    form = FORMATS["pcm48k"]
    floor = Floor("batched", AudioPlan(offered=(DEFAULT, form)), [form])
    lane, counts, turn = floor.lanes[0], floor.pipeline.counts, Turn(1)
    takes(lane._bank.down, 2_000_000, clock)
    lane.say(turn, said(3, DOWN))
    assert counts.seconds == 0
    lane.finish(turn)  # that frame, and the silence behind it
    assert counts.seconds == pytest.approx(2 * 0.002)
    lane.say(turn, said(4, (1 + AHEAD + 1) * DOWN))  # one more than may wait
    assert counts.seconds == pytest.approx((2 + 1 + AHEAD) * 0.002)
    assert counts.ticks == 0
