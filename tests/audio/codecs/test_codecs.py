"""Every codec through one interface: what goes in comes out, when it should, and bad input is refused in one line."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.codecs.codec import Codec, CorruptPacket, Settings
from perflab.audio.codecs.registry import all_codecs, codec_named
from perflab.audio.codecs.stream import Coded, decode_stream, encode_stream
from perflab.errors import UsageError
from tests.audio.codecs.material import hiss, likeness, voice

NAMES = ("aac", "flac", "g711-a", "g711-mu", "g722", "opus", "opus-pyav", "pcm")
KBIT_S = {"aac": (20, 40), "flac": (40, 256), "g711-a": (64, 64), "g711-mu": (64, 64), "g722": (64, 64),
          "opus": (12, 18), "opus-pyav": (12, 18), "pcm": (256, 256)}  # fmt: skip
every_codec = pytest.mark.parametrize("name", NAMES)


def coded(codec: Codec, seconds: float = 1.0, **asked: Any) -> Coded:
    return encode_stream(codec, voice(seconds, codec.rate_hz), codec.rate_hz, Settings(**asked))


def test_the_registry_finds_every_codec() -> None:
    assert tuple(all_codecs()) == NAMES
    with pytest.raises(UsageError, match=r"No codec 'mp3'. codecs are aac, flac"):
        codec_named("mp3")


@every_codec
def test_what_goes_in_comes_out_in_its_place(name: str) -> None:
    codec = codec_named(name)
    sent = voice(1.0, codec.rate_hz)
    made = encode_stream(codec, sent, codec.rate_hz)
    heard = decode_stream(made)
    low, high = KBIT_S[name]
    assert low <= made.kbit_s <= high
    assert heard.dtype == np.int16 and heard.shape == sent.shape
    if codec.lossless:
        assert np.array_equal(heard, sent)
    shifts = {shift: likeness(np.roll(heard, -shift)[2_000:-2_000], sent[2_000:-2_000]) for shift in range(-40, 41)}
    assert abs(max(shifts, key=lambda shift: shifts[shift])) <= 3
    assert shifts[0] > 0.8  # Opus for speech cuts what is deep, and shifts phases


@every_codec
def test_nothing_is_heard_later_than_the_delay_says(name: str) -> None:
    """Feed frame by frame and play what comes: a click is heard at most `delay_ms` after it was said."""
    codec = codec_named(name)
    encoder, decoder = codec.encoder(), codec.decoder()
    frames = np.zeros((6, codec.frame), np.int16)
    frames[2] = voice(codec.frame / codec.rate_hz, codec.rate_hz, pitch_hz=300)
    heard_after = None
    for number, frame in enumerate(frames, 1):
        played = [decoder.decode(packet) for packet in encoder.encode(frame)]
        if heard_after is None and any(np.abs(piece).max(initial=0) > 1_500 for piece in played):
            heard_after = number * codec.frame  # samples that had been said when the first of the click was played
    assert heard_after is not None
    assert heard_after - 2 * codec.frame <= codec.delay_ms * codec.rate_hz / 1e3 + codec.frame
    assert heard_after - 2 * codec.frame >= codec.frame * (1 + codec.held)


@every_codec
def test_a_gap_is_concealed_and_the_stream_goes_on(name: str) -> None:
    codec = codec_named(name)
    made = coded(codec, 2.0)
    lost = np.zeros(len(made.packets), np.bool_)
    lost[len(lost) // 2] = True
    whole, filled, silent = decode_stream(made), decode_stream(made, lost), decode_stream(made, lost, conceal=False)
    at = int(np.flatnonzero(lost)[0]) * codec.frame - codec.behind
    gap = slice(at, at + min(codec.frame, 320))
    energy = [float((piece[gap].astype(float) ** 2).mean()) for piece in (whole, filled, silent)]
    assert energy[1] > 0.25 * energy[0]
    assert energy[2] < 0.1 * energy[0]
    if codec.frame <= 320:
        assert likeness(filled[gap], whole[gap]) > 0.6
    assert likeness(filled[at + 8 * codec.frame :], whole[at + 8 * codec.frame :]) > 0.95


@every_codec
@settings(max_examples=25, deadline=None)
@given(raw=st.binary(max_size=400))
def test_hostile_packets_raise_one_error_and_no_other(name: str, raw: bytes) -> None:
    decoder = codec_named(name).decoder()
    try:
        heard = decoder.decode(raw)
    except CorruptPacket as error:
        assert "\n" not in str(error)
        heard = decoder.conceal()
    assert heard.dtype == np.int16 and heard.size <= codec_named(name).frame


@every_codec
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_damaged_stream_is_heard_to_its_end(name: str, data: st.DataObject) -> None:
    made = good(name)
    packets = list(made.packets)
    at = data.draw(st.integers(0, len(packets) - 1))
    keep = data.draw(st.integers(0, len(packets[at])))
    flipped = bytes(byte ^ data.draw(st.integers(0, 255)) for byte in packets[at][:keep][:6])
    packets[at] = flipped + packets[at][6:keep]
    packets[at] += bytes(data.draw(st.sampled_from((0, 0, 1_300, 70_000))))
    lost = np.array(data.draw(st.lists(st.booleans(), min_size=len(packets), max_size=len(packets))))
    lost[max(at - 1, 0)] = True  # so that what FEC asks for is the damaged packet
    heard = decode_stream(Coded(made.codec, tuple(packets), made.samples), lost, fec=True)
    assert heard.shape == (made.samples,)


@every_codec
@pytest.mark.parametrize("following", [b"", bytes(1_276), bytes(70_000), b"\xff" * 40], ids=len)
def test_a_packet_after_a_gap_that_cannot_be_decoded_counts_as_none(name: str, following: bytes) -> None:
    made = good(name)
    packets, lost = list(made.packets), np.zeros(len(made.packets), np.bool_)
    packets[4], lost[3] = following, True
    damaged = Coded(made.codec, tuple(packets), made.samples)
    assert np.array_equal(decode_stream(damaged, lost, fec=True), decode_stream(damaged, lost))


@lru_cache
def good(name: str) -> Coded:
    return coded(codec_named(name), 0.3)


@every_codec
def test_wrong_frames_are_refused(name: str) -> None:
    codec = codec_named(name)
    encoder = codec.encoder()
    for wrong in (np.zeros(codec.frame - 1, np.int16), np.zeros((codec.frame, 2), np.int16), np.zeros(0, np.int16),
                  np.full(codec.frame, np.nan), b"\0" * (2 * codec.frame)):  # fmt: skip
        with pytest.raises(UsageError, match=f"A frame of {name} is"):
            encoder.encode(wrong)  # type: ignore[arg-type]
    encoder.encode(np.zeros(codec.frame, np.int16))
    other = 48_000 if codec.rate_hz != 48_000 else 8_000
    for signal, rate, said in ((voice(0.1), other, f"{other:,} Hz for {name}"),
                               (np.zeros((2, 400), np.int16), codec.rate_hz, "mono"),
                               (np.zeros(0, np.int16), codec.rate_hz, "mono")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            encode_stream(codec, signal, rate)


@every_codec
def test_wrong_packets_are_refused(name: str) -> None:
    decoder = codec_named(name).decoder()
    for wrong in (b"", bytes(70_000), "text", None):
        with pytest.raises(CorruptPacket, match=r"A packet of (\w|-)+ (is|has)"):
            decoder.decode(wrong)  # type: ignore[arg-type]
    assert decoder.conceal().size == codec_named(name).frame


@pytest.mark.parametrize("name", ["opus", "opus-pyav"])
def test_packets_of_opus_that_are_not_20_ms_are_refused_and_concealed(name: str) -> None:
    codec = codec_named(name)
    whole = coded(codec, 0.2).packets
    decoder = codec.decoder()
    assert [decoder.decode(packet).size for packet in whole[:5]] == [codec.frame] * 5
    for short in (b"\x00" * 4, b"\xe0" * 9):  # the first byte says 10 ms of SILK, 2.5 ms of CELT
        with pytest.raises(CorruptPacket, match="one frame of 20 ms"):
            decoder.decode(short)
        assert decoder.conceal().size == codec.frame
    assert decoder.decode(whole[5]).size == codec.frame


def test_settings_are_held_to_the_codec_and_to_their_range() -> None:
    with pytest.raises(UsageError, match=r"pcm has no setting `bit_rate`. it takes none"):
        codec_named("pcm").encoder(Settings(bit_rate=16_000))
    with pytest.raises(UsageError, match="g722 has no setting `dtx`"):
        codec_named("g722").encoder(Settings(dtx=True))
    for asked in (Settings(bit_rate=100), Settings(complexity=11), Settings(loss_percent=-1), Settings(bit_rate=2.5e4)):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="a whole number from"):
            codec_named("opus").encoder(asked)


def test_losses_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError, match="`lost` is bool"):
        decode_stream(good("pcm"), np.zeros(3, np.bool_))


def test_bit_rate_complexity_and_dtx_do_what_they_say() -> None:
    opus = codec_named("opus")
    assert coded(opus, bit_rate=32_000).kbit_s > 2.2 * coded(opus, bit_rate=12_000).kbit_s
    assert coded(opus, complexity=0).packets != coded(opus, complexity=10).packets
    assert coded(codec_named("aac"), bit_rate=48_000).kbit_s > 1.3 * coded(codec_named("aac"), bit_rate=24_000).kbit_s
    flac = codec_named("flac")
    assert coded(flac, complexity=8).kbit_s <= coded(flac, complexity=0).kbit_s
    still = np.concatenate((voice(0.5), hiss(1.5)))
    always, seldom = (encode_stream(opus, still, 16_000, Settings(dtx=dtx)) for dtx in (False, True))
    assert seldom.kbit_s < 0.75 * always.kbit_s
    assert sum(len(packet) <= 2 for packet in seldom.packets) > 30


def test_fec_brings_back_what_concealment_can_only_guess() -> None:
    opus, sent = codec_named("opus"), np.concatenate([voice(0.1, pitch_hz=90 + 23 * k, seed=k) for k in range(20)])
    made = encode_stream(opus, sent, 16_000, Settings(bit_rate=32_000, fec=True, loss_percent=25))
    lost = np.zeros(len(made.packets), np.bool_)
    lost[3::5] = True
    whole, guessed, brought = decode_stream(made), decode_stream(made, lost), decode_stream(made, lost, fec=True)
    gaps = np.zeros(sent.size, np.bool_)
    for k in np.flatnonzero(lost)[:-1]:
        gaps[k * 320 - 104 : (k + 1) * 320 - 104] = True
    assert likeness(brought[gaps], whole[gaps]) > likeness(guessed[gaps], whole[gaps]) + 0.05


def test_a_codec_that_is_missing_from_the_build_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from perflab.audio.codecs import libopus, pyav

    with pytest.raises(UsageError, match="This build of FFmpeg cannot encode libfdk_nothing"):
        pyav.context("libfdk_nothing", "w", 16_000)
    monkeypatch.setattr(libopus, "_candidates", lambda: ["/nowhere/libopus.so"])
    libopus.libopus.cache_clear()
    with pytest.raises(UsageError, match=r"No libopus among /nowhere/libopus.so. libopus. Install PyAV"):
        codec_named("opus").encoder()
    libopus.libopus.cache_clear()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match="needs PyAV, which is not installed"):
        codec_named("aac").decoder()
