"""The codecs agree with the wire format in every frame, and refuse what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.gateway.flags.frames.binary import BinaryCodec
from perflab.gateway.flags.frames.json64 import Json64Codec
from perflab.wire.frame import Flag, Frame, FrameError, FrameType, decode_binary

MARKS = st.tuples(*[st.integers(0, 2**62)] * 8)
FRAMES = st.builds(
    lambda kind, turn, seq, t_ms, payload, bits, marks: Frame(
        kind, turn, seq, t_ms, payload, Flag(bits), marks if bits & 1 else (0,) * 8
    ),
    st.sampled_from(FrameType), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1),
    st.text(max_size=200).map(str.encode), st.integers(0, 15), MARKS,
)  # fmt: skip


@pytest.mark.parametrize("codec", [BinaryCodec(), Json64Codec()])
@given(frame=FRAMES)
def test_a_frame_survives_the_codec(codec: BinaryCodec | Json64Codec, frame: Frame) -> None:
    assert codec.decode(codec.encode(frame)) == frame  # type: ignore[arg-type]


@given(message=st.binary(max_size=100))
def test_the_short_way_decodes_as_the_wire_format_does(message: bytes) -> None:
    try:
        expected: Frame | str = decode_binary(message)
    except FrameError as error:
        expected = str(error)
    try:
        seen: Frame | str = BinaryCodec().decode(message)
    except FrameError as error:
        seen = str(error)
    assert seen == expected
