"""The three ways of computing find the same: level, speech and its end bit for bit, resampling within one unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.codecs.opus import CODEC
from perflab.audio.corpus import load_corpus, phrases
from perflab.audio.kernels.denoiser_setting import DenoiserSetting
from perflab.audio.kernels.oracle.denoiser import denoise
from perflab.audio.kernels.oracle.resampler import resample, to_pcm
from perflab.gateway.audio.bank import ROWS, turn_ends
from perflab.gateway.audio.batched import Batch
from perflab.gateway.audio.compiled import CompiledStages
from perflab.gateway.audio.frame_by_frame import FrameByFrame
from perflab.gateway.audio.plain import PlainStages
from perflab.gateway.audio.plan import AudioPlan
from perflab.gateway.audio.rows import AHEAD
from perflab.gateway.audio.turn_end import END_FRAMES, ONSET_FRAMES, Event, TurnEnd
from perflab.gateway.session.turn import Turn
from perflab.wire.audio_format import DEFAULT, FORMATS, AudioFormat
from perflab.wire.frame import Flag, Frame, FrameError, FrameType

LISTENS = AudioPlan(activity="energy", offered=tuple(FORMATS.values()))
WAYS: dict[str, Any] = {
    "plain": lambda plan: FrameByFrame(plan, PlainStages),
    "compiled": lambda plan: FrameByFrame(plan, CompiledStages),
    "batched": Batch,
}
EACH = pytest.mark.parametrize("way", WAYS)


class Sink:
    """Keeps what a lane passes on."""

    def __init__(self) -> None:
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.ends: list[tuple[int, int]] = []
        self.failed: list[str] = []

    def speech(self, frame: Frame, received_ns: int) -> None:
        if frame.payload[:4] == b"\xff\x7f\x00\x80":
            raise ValueError("this client is wrong")
        self.up.append(frame.payload)

    def voice_ended(self, turn: int, received_ns: int, sent_ns: int) -> None:
        self.ends.append((turn, received_ns))

    def reply_audio(self, turn: Turn, audio: bytes) -> None:
        self.down.append(audio)

    def fail(self, message: str) -> None:
        self.failed.append(message)


class Floor:
    """Sessions of one pipeline, and a tick when the test says so."""

    def __init__(self, way: str, plan: AudioPlan, forms: list[AudioFormat]) -> None:
        self.pipeline: Any = WAYS[way](plan)
        if way == "batched":
            self.pipeline._ticks.ask = lambda: None
        self.sinks = [Sink() for _ in forms]
        self.lanes = [self.pipeline.join(form, sink, None, None) for form, sink in zip(forms, self.sinks, strict=True)]

    def hear(self, number: int, payload: bytes, at: int = 1, flags: Flag = Flag.NONE) -> None:
        self.lanes[number].hear(Frame(FrameType.AUDIO, 1, at, 0, payload, flags), at)

    def tick(self) -> None:
        if isinstance(self.pipeline, Batch):
            self.pipeline._work()


def sound(seed: int, frames: int, form: AudioFormat = DEFAULT, loud: float = 3000.0) -> list[bytes]:
    """Return noise with pauses, different for every seed."""
    stream = np.random.default_rng(seed)
    size = form.frame_up_bytes // 2
    gains = np.where(stream.random(frames) < 0.6, loud, stream.choice([0.0, 90.0, 120.0], frames))
    noise = stream.standard_normal((frames, size)) * gains[:, None]
    return [frame.tobytes() for frame in np.clip(np.rint(noise), -32768, 32767).astype("<i2")]


def found(way: str, streams: list[list[bytes]], present: Any) -> list[tuple[Any, ...]]:
    """Play streams side by side, each frame only where `present` [frames, sessions]; return what each lane found."""
    floor = Floor(way, LISTENS, [DEFAULT] * len(streams))
    for at, row in enumerate(present):
        for number, there in enumerate(row):
            if there:
                floor.hear(number, streams[number][at], at + 1)
        floor.tick()
    return [(lane.summary(), sink.ends, b"".join(sink.up)) for lane, sink in zip(floor.lanes, floor.sinks, strict=True)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sessions=st.integers(1, 6), frames=st.integers(1, 60))
def test_all_ways_find_the_same_bit_for_bit(seed: int, sessions: int, frames: int) -> None:
    streams = [sound(seed + number, frames) for number in range(sessions)]
    present = np.random.default_rng(seed).random((frames, sessions)) < 0.8
    plain = found("plain", streams, present)
    assert found("compiled", streams, present) == plain
    assert found("batched", streams, present) == plain


def test_what_is_found_in_a_known_signal() -> None:
    tone = np.rint(10_000 * np.sin(2 * np.pi * 500 * np.arange(320) / 16_000)).astype("<i2").tobytes()
    quiet = bytes(640)
    stream = [quiet] * 4 + [tone] * 10 + [quiet] * 20 + [tone] * 2 + [quiet] * 20
    for way in WAYS:
        ((heard, ends, up),) = found(way, [stream], np.ones((len(stream), 1), bool))
        assert (heard.frames, heard.voiced, heard.turns) == (56, 12, 1)  # two voiced frames are a click, not a turn
        assert ends == [(1, 14)]  # when its last voiced frame came
        assert heard.peak == 10_000
        assert heard.speech_dbfs == pytest.approx(20 * np.log10(10_000 / np.sqrt(2) / 32_768), abs=0.01)
        assert up == b"".join(stream)


@given(decisions=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=120), other=st.integers(0, 3))
def test_ends_of_turns_at_once_equal_those_one_by_one(decisions: list[tuple[bool, bool]], other: int) -> None:
    plain, batch, events = TurnEnd(), turn_ends(4), np.zeros(4, np.int8)
    for voiced, there in decisions:
        masks = np.zeros(4, bool), np.zeros(4, bool)
        masks[0][:] = np.arange(4) % 2 == 0
        masks[0][other], masks[1][other] = voiced, there
        event = batch.feed(masks[0].astype(np.float32), events, masks[1])[other]
        assert event == (plain.feed(voiced) if there else Event.NONE)
        assert bool(batch.speaking[other]) == plain.speaking


def test_speech_begins_and_ends_where_it_is_defined_to() -> None:
    ends = TurnEnd()
    events = [ends.feed(voiced) for voiced in [True] * ONSET_FRAMES + [False] * (END_FRAMES + 3)]
    assert [at for at, event in enumerate(events) if event is Event.STARTED] == [ONSET_FRAMES - 1]
    assert [at for at, event in enumerate(events) if event is Event.ENDED] == [ONSET_FRAMES + END_FRAMES - 1]


@EACH
@pytest.mark.parametrize("name", ["pcm48k", "pcm8k"])
def test_resampling_both_ways_is_the_oracles_within_one_unit(way: str, name: str) -> None:
    form = FORMATS[name]
    floor = Floor(way, AudioPlan(offered=(DEFAULT, form)), [form] * 3)
    streams = [sound(number, 12, form) for number in range(3)]
    for at in range(12):
        for number in range(3):
            floor.hear(number, streams[number][at])
        floor.tick()
    reply = np.random.default_rng(5).integers(-9000, 9000, 4_900).astype("<i2")
    turn = Turn(1)
    for cut in np.array_split(reply, 7):  # pieces of no particular length
        floor.lanes[1].say(turn, cut.tobytes())
    floor.lanes[1].finish(turn)
    for number, sink in enumerate(floor.sinks):
        pcm = np.frombuffer(b"".join(streams[number]), "<i2")[None, :]
        off = np.frombuffer(b"".join(sink.up), "<i2") - to_pcm(resample(pcm, form.rate_up, 16_000))[0].astype(int)
        assert np.abs(off).max() <= 1
    padded = np.pad(reply, (0, -reply.size % 480))[None, :]
    off = np.frombuffer(b"".join(floor.sinks[1].down), "<i2") - to_pcm(resample(padded, 24_000, form.rate_down))[
        0
    ].astype(int)
    assert np.abs(off).max() <= 1
    assert floor.sinks[0].down == []


def test_silero_hears_the_same_sessions_alone_and_at_once() -> None:
    words = np.concatenate([phrase.pcm for phrase in phrases(load_corpus())[:4]])
    noise = np.rint(np.random.default_rng(2).standard_normal(words.size) * 2000).astype("<i2")  # loud, and no speech
    streams = [
        [track[at : at + 320].tobytes() for at in range(0, 320 * 60, 320)] for track in (words, noise, words[9:])
    ]
    heard = {}
    for way in WAYS:
        floor = Floor(way, AudioPlan(activity="silero"), [DEFAULT] * 3)
        said: list[str] = []
        floor.pipeline.warm_up(said.append)
        assert said == ["pcm at 16000 Hz"]
        for at in range(60):
            for number in (0, 1) if at % 3 else (0, 1, 2):
                floor.hear(number, streams[number][at])
            floor.tick()
        heard[way] = [lane.summary() for lane in floor.lanes]
    assert heard["compiled"] == heard["batched"]
    for plain, fast in zip(heard["plain"], heard["batched"], strict=True):
        assert abs(plain.voiced - fast.voiced) <= 2  # probabilities within 0.002 may fall on two sides of the threshold
    assert heard["plain"][0].voiced > 35
    assert heard["plain"][1].voiced < 6


def test_a_noise_floor_hears_speech_in_a_room_that_a_fixed_level_takes_for_speech() -> None:
    words = np.concatenate([phrase.pcm for phrase in phrases(load_corpus())[:2]])[: 320 * 120]
    room = np.rint(np.random.default_rng(3).standard_normal(320 * 300) * 250).astype("<i2")
    room[320 * 100 : 320 * 100 + words.size] += words // 2
    frames = [room[at : at + 320].tobytes() for at in range(0, room.size, 320)]
    voiced = {}
    for way in WAYS:
        floor = Floor(way, AudioPlan(activity="noise_floor"), [DEFAULT] * 2)
        floor.pipeline.warm_up(lambda line: None)
        before = []
        for at, frame in enumerate(frames):
            if at == 100:
                before = [lane.summary().voiced for lane in floor.lanes]
            floor.hear(0, frame)
            floor.hear(1, frames[0])  # a room that never changes
            floor.tick()
        assert before[0] <= 2
        voiced[way] = [lane.summary().voiced for lane in floor.lanes]
        assert voiced[way][1] == 0
    assert voiced["compiled"] == voiced["batched"]
    assert abs(voiced["plain"][0] - voiced["batched"][0]) <= 2  # float32 beside decibels: a frame at the very edge
    assert 20 < voiced["batched"][0] < 130
    fixed = Floor("batched", AudioPlan(activity="energy"), [DEFAULT])
    for frame in frames:
        fixed.hear(0, frame)
        fixed.tick()
    assert fixed.lanes[0].summary().voiced == len(frames)  # hears speech without end


@EACH
def test_denoised_audio_is_the_oracles(way: str) -> None:
    floor = Floor(way, AudioPlan(denoise=True), [DEFAULT] * 3)
    streams = [sound(number, 15) for number in range(3)]
    for at in range(15):
        for number in range(3):
            floor.hear(number, streams[number][at])
        floor.tick()
    for number, sink in enumerate(floor.sinks):
        whole = denoise(np.frombuffer(b"".join(streams[number]), "<i2"), DenoiserSetting())
        off = np.frombuffer(b"".join(sink.up), "<i2") - to_pcm(whole).astype(int)
        assert np.abs(off).max() <= (0 if way == "plain" else 2)


def spoken_packets(sessions: int, frames: int) -> list[list[bytes]]:
    encoders = [CODEC.encoder() for _ in range(sessions)]
    return [
        [packet for frame in sound(number, frames) for packet in encoder.encode(np.frombuffer(frame, "<i2"))]
        for number, encoder in enumerate(encoders)
    ]


def opus_floor(way: str, packets: list[list[bytes]]) -> Floor:
    floor = Floor(
        way, AudioPlan(activity="energy", offered=(DEFAULT, FORMATS["opus"])), [FORMATS["opus"]] * len(packets)
    )
    turn, reply = Turn(1), np.random.default_rng(5).integers(-9000, 9000, 2_000).astype("<i2").tobytes()
    for at in range(len(packets[0])):
        for number, stream in enumerate(packets):
            floor.hear(number, stream[at])
        floor.tick()
    floor.lanes[0].say(turn, reply)
    floor.lanes[0].finish(turn)
    return floor


def test_opus_is_the_same_compiled_per_frame_and_batched() -> None:
    packets = spoken_packets(4, 12)
    one, all_at_once = opus_floor("compiled", packets), opus_floor("batched", packets)
    assert [sink.up for sink in one.sinks] == [sink.up for sink in all_at_once.sinks]
    assert one.sinks[0].down == all_at_once.sinks[0].down
    assert [lane.summary() for lane in one.lanes] == [lane.summary() for lane in all_at_once.lanes]
    assert len(one.sinks[0].down) == 5
    assert sum(map(len, one.sinks[0].down)) < 5 * 960 / 8


@EACH
def test_a_corrupt_packet_is_concealed_and_harms_nobody_else(way: str) -> None:
    packets = spoken_packets(4, 12)
    broken = [list(stream) for stream in packets]
    broken[2][5], broken[2][8] = b"\xff" * 40, b"\x00"
    good, bad = opus_floor(way, packets), opus_floor(way, broken)
    for number in (0, 1, 3):
        assert bad.sinks[number].up == good.sinks[number].up
        assert bad.lanes[number].summary().refused == 0
    assert bad.lanes[2].summary().refused >= 1
    assert len(bad.sinks[2].up) == 12
    assert all(len(pcm) == 640 for pcm in bad.sinks[2].up)
    for payload in (b"", bytes(1_276)):
        with pytest.raises(FrameError, match="packet of Opus"):
            bad.hear(0, payload)


@EACH
def test_a_wrong_or_idle_session_leaves_the_others_as_they_are(way: str) -> None:
    form = FORMATS["pcm48k"]
    streams = [sound(number, 20, form) for number in range(5)]

    def play(disturbed: bool) -> list[list[bytes]]:
        floor = Floor(way, LISTENS, [form] * 5)
        for at in range(20):
            for number in (0, 1, 3, 4):
                if number != 3 or not disturbed or at < 7:  # session 3 goes silent, then leaves
                    floor.hear(number, streams[number][at])
            if disturbed:
                with pytest.raises(FrameError, match=r"1921 bytes; at 48000 Hz a frame of 20 ms has 1920"):
                    floor.hear(2, b"\x01" * 1921)
                if at == 9:
                    floor.lanes[3].leave()
                    floor.lanes[3].leave()
            floor.tick()
        return [floor.sinks[number].up for number in (0, 1, 4)]

    assert play(disturbed=True) == play(disturbed=False)


@EACH
def test_a_session_that_fails_while_it_is_passed_on_fails_alone(way: str) -> None:
    floor = Floor(way, LISTENS, [DEFAULT] * 3)
    wrong = b"\xff\x7f\x00\x80" + bytes(636)
    for number in range(3):
        if way != "batched" and number == 1:
            with pytest.raises(ValueError, match="wrong"):
                floor.hear(1, wrong)
        else:
            floor.hear(number, wrong if number == 1 else bytes(640))
    floor.tick()
    assert [len(sink.up) for sink in floor.sinks] == [1, 0, 1]
    assert floor.sinks[1].failed == (["this client is wrong"] if way == "batched" else [])


@EACH
def test_messages_of_several_frames_are_taken_and_others_refused(way: str) -> None:
    floor = Floor(way, LISTENS, [DEFAULT])
    tone = sound(3, 3, loud=5000.0)
    floor.hear(0, b"".join(tone), flags=Flag.END_OF_SPEECH)
    floor.tick()
    assert floor.sinks[0].up == tone
    for payload in (bytes(638), bytes(642), bytes(640 * 11), b"\x01"):
        with pytest.raises(FrameError, match="send 1 to 10 whole frames"):
            floor.hear(0, payload)


def test_a_burst_is_worked_on_before_its_tick_refused_never_and_keeps_its_order() -> None:
    """A gateway that stood still for seconds finds all that its clients sent meanwhile: none of them was wrong."""
    floor = Floor("batched", LISTENS, [DEFAULT, DEFAULT])
    frames = sound(8, 3 * AHEAD)
    waited = []
    for number, frame in enumerate(frames, start=1):
        floor.hear(0, frame)
        waited.append(number - len(floor.sinks[0].up))
    assert max(waited) == 1 + AHEAD  # bounded, whatever is sent
    floor.hear(1, frames[3])
    floor.tick()
    assert floor.sinks[0].up == frames
    assert floor.sinks[1].up == [frames[3]]


def test_a_session_that_ends_in_its_burst_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = Floor("batched", LISTENS, [DEFAULT, DEFAULT])
    gone, other = floor.sinks

    def fail(message: str) -> None:
        gone.failed.append(message)
        floor.lanes[0].leave()

    monkeypatch.setattr(floor.lanes[0]._sink, "fail", fail)
    wrong = b"\xff\x7f\x00\x80" + bytes(636)
    frames = sound(8, 2 * AHEAD)
    floor.hear(1, frames[0])
    for frame in (wrong, *frames):
        floor.hear(0, frame)
    floor.tick()
    assert (gone.failed, gone.up, other.up) == (["this client is wrong"], [], [frames[0]])


def test_a_row_is_as_new_for_the_next_session_and_banks_grow() -> None:
    form = FORMATS["pcm48k"]
    floor = Floor("batched", LISTENS, [form] * (ROWS + 2))
    stream = sound(1, 6, form)
    for number in (0, ROWS + 1):
        for frame in stream:
            floor.hear(number, frame)
    floor.tick()
    assert floor.sinks[0].up == floor.sinks[ROWS + 1].up
    floor.lanes[0].leave()
    late = Sink()
    lane = floor.pipeline.join(form, late, None, None)
    for frame in stream:
        lane.hear(Frame(FrameType.AUDIO, 1, 1, 0, frame), 1)
    floor.tick()
    assert late.up == floor.sinks[0].up
    assert lane.summary() == floor.lanes[0].summary()


@EACH
def test_a_reply_that_is_cut_off_leaves_nothing_for_the_next(way: str) -> None:
    form = FORMATS["pcm48k"]
    floor = Floor(way, AudioPlan(offered=(DEFAULT, form)), [form, form])
    reply = np.random.default_rng(5).integers(-9000, 9000, 1_000).astype("<i2").tobytes()
    first, second = Turn(1), Turn(2)
    floor.lanes[0].say(first, reply)
    floor.lanes[0].hush()
    floor.sinks[0].down.clear()
    for number in (0, 1):
        floor.lanes[number].say(second, reply)
        floor.lanes[number].finish(second)
    assert floor.sinks[0].down == floor.sinks[1].down
    assert len(b"".join(floor.sinks[0].down)) == 3 * 1920
