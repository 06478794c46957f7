"""Sound files from strangers: whole ones are read, all others refused in one line, whatever is done to them."""

from __future__ import annotations

import io
import struct
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio.codecs.containers import read_sound
from perflab.errors import UsageError
from tests.audio.codecs.material import likeness, voice

KINDS = {"wav": ("wav", "pcm_s16le", 16_000), "ogg": ("ogg", "libopus", 48_000), "flac": ("flac", "flac", 16_000),
         "mp4": ("mp4", "aac", 16_000), "adts": ("adts", "aac", 16_000)}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def file(kind: str, seconds: float = 1.0, layout: str = "mono", rate: int = 0) -> bytes:
    import av

    name, codec, usual = KINDS[kind]
    held = io.BytesIO()
    with av.open(held, "w", format=name) as out:
        stream = out.add_stream(codec, rate=rate or usual, layout=layout)
        frame = av.AudioFrame.from_ndarray(voice(seconds)[None], format="s16", layout="mono")
        frame.sample_rate = 16_000
        shaper = av.AudioResampler(stream.codec_context.format, layout, rate or usual)
        for piece in [*shaper.resample(frame), *shaper.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return held.getvalue()


@every_kind
def test_whole_files_are_read(kind: str) -> None:
    heard, sent = read_sound(file(kind)), voice(1.0)
    assert heard.dtype == np.int16 and 16_000 <= heard.size <= 18_000
    assert max(likeness(heard[lag : lag + 12_000], sent[:12_000]) for lag in (*range(0, 400, 4), 1024)) > 0.8


def test_channels_are_mixed_down_and_rates_brought_to_ours() -> None:
    heard = read_sound(file("wav", 1.0, "stereo", 44_100))
    assert abs(heard.size - 16_000) < 20
    assert likeness(heard[100:15_000], voice(1.0)[100:15_000]) > 0.99


@every_kind
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_and_cut_files_are_read_or_refused_in_one_line(kind: str, data: st.DataObject) -> None:
    raw = bytearray(file(kind, 0.3))
    for _ in range(data.draw(st.integers(0, 12))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(1, len(raw)))])
    try:
        heard = read_sound(cut, most_seconds=5)
    except UsageError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
    else:
        assert heard.dtype == np.int16 and heard.size < 6 * 16_000


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"RIFF\x24\0\0\0WAVEfmt ", b"OggS\0\2", b"fLaC\0\0\0\x22", b"\0\0\0\x20ftypM4A ", b"\xff\xf1"]),
       st.binary(max_size=300))  # fmt: skip
def test_noise_behind_a_right_beginning_is_refused(start: bytes, rest: bytes) -> None:
    try:
        assert read_sound(start + rest, most_seconds=5).size < 6 * 16_000
    except UsageError as error:
        assert "\n" not in str(error)


def test_a_bomb_costs_no_more_than_was_allowed() -> None:
    silent = file("flac", 8.0)
    with pytest.raises(UsageError, match="longer than 2 s"):
        read_sound(silent, most_seconds=2)
    header = bytearray(file("wav", 0.1))
    header[24:28] = struct.pack("<I", 1)  # one sample per second: 1,600 samples would become 26 million
    with pytest.raises(UsageError, match="1 channels at 1 Hz"):
        read_sound(bytes(header))


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"", "0 bytes"), (b"MZ" + bytes(100), "no WAV, Ogg"), (bytes(100), "no WAV"), (b"\x1aE\xdf\xa3" * 9, "no WAV"),
     (bytes((16 << 20) + 1), "16,777,217 bytes"), (b"#EXTM3U\nfile:///etc/passwd", "no WAV")],
    ids=["empty", "program", "zeros", "matroska", "huge", "playlist"],
)  # fmt: skip
def test_other_files_are_refused(raw: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_sound(raw)
