"""Both forms of a frame hold the same numbers."""

from __future__ import annotations

import json

import pytest

from perflab.wire.frame import FrameError, decode_json64


def text(turn: int) -> str:
    return json.dumps({"type": "audio", "turn": turn, "seq": 1, "t_ms": 20, "data": ""})


@pytest.mark.parametrize("turn", [0, 65_535])
def test_a_turn_that_the_binary_header_holds_is_taken(turn: int) -> None:
    assert decode_json64(text(turn)).turn == turn


@pytest.mark.parametrize("turn", [-1, 65_536, 1 << 63])
def test_a_turn_beyond_the_binary_header_is_refused(turn: int) -> None:
    with pytest.raises(FrameError, match="must be 0 to 65535"):
        decode_json64(text(turn))


@pytest.mark.parametrize(
    "message",
    [
        '{"type": "audio", "turn": 1e999, "seq": 1, "t_ms": 20, "data": ""}',
        '{"type": "audio", "turn": 1, "seq": -1e999, "t_ms": 20, "data": ""}',
        '{"type": "audio", "turn": 1, "seq": 1, "t_ms": 20, "data": "", "flags": Infinity}',
        '{"type": "audio", "turn": 1, "seq": 1, "t_ms": 20, "data": "", "marks": [1e400, 0, 0, 0, 0, 0, 0, 0]}',
        '{"type": "audio", "turn": 1, "seq": 1, "t_ms": 20, "data": "", "marks": [1e19, 0, 0, 0, 0, 0, 0, 0]}',
        '{"type": "audio", "turn": 1, "seq": 1, "t_ms": 20, "data": "", "marks": [1, 2]}',
        "[" * 200_000,
        '{"a":' * 100_000,
    ],
    ids=["turn", "seq", "flags", "mark", "mark of 65 bits", "two marks", "brackets", "braces"],
)
def test_whatever_is_no_frame_is_a_frame_error(message: str) -> None:
    with pytest.raises(FrameError):
        decode_json64(message)
