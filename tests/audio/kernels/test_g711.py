"""G.711, bit for bit, on every code there is."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from perflab.audio.kernels import g711
from perflab.audio.kernels.oracle import g711 as oracle
from perflab.errors import UsageError

ALL_PCM, ALL_CODES = np.arange(-32768, 32768).astype(np.int16)[None], np.arange(256, dtype=np.uint8)[None]
PLAIN = {"mu": (oracle.encode_mu, oracle.decode_mu), "a": (oracle.encode_a, oracle.decode_a)}


@pytest.mark.parametrize("law", g711.LAWS)
def test_every_code_is_that_of_the_definition(law: Any) -> None:
    encode, decode = PLAIN[law]
    made = g711.encode(ALL_PCM, np.zeros(ALL_PCM.shape, np.uint8), law)
    assert made[0].tolist() == [encode(int(x)) for x in ALL_PCM[0]]
    heard = g711.decode(ALL_CODES, np.zeros((1, 256), np.int16), law)
    assert heard[0].tolist() == [decode(int(x)) for x in ALL_CODES[0]]


@pytest.mark.parametrize("law", g711.LAWS)
def test_every_code_is_that_of_audioop(law: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        audioop = pytest.importorskip("audioop", reason="Python 3.13 has no audioop")
    encode = {"mu": audioop.lin2ulaw, "a": audioop.lin2alaw}[law]
    decode = {"mu": audioop.ulaw2lin, "a": audioop.alaw2lin}[law]
    assert g711.encode(ALL_PCM, np.zeros(ALL_PCM.shape, np.uint8), law).tobytes() == encode(ALL_PCM.tobytes(), 2)
    assert g711.decode(ALL_CODES, np.zeros((1, 256), np.int16), law).tobytes() == decode(ALL_CODES.tobytes(), 2)


@pytest.mark.parametrize("samples", [1, 15, 16, 17, 33])
def test_lengths_that_fill_no_register_are_whole(samples: int) -> None:
    codes = np.random.default_rng(samples).integers(0, 256, (3, samples)).astype(np.uint8)
    heard = g711.decode(codes, np.zeros((3, samples), np.int16), "a")
    assert heard.tolist() == [[oracle.decode_a(int(c)) for c in row] for row in codes]


def test_decoding_and_encoding_again_changes_nothing() -> None:
    for law in ("mu", "a"):
        heard = g711.decode(ALL_CODES, np.zeros((1, 256), np.int16), law)  # type: ignore[arg-type]
        again = g711.encode(heard, np.zeros((1, 256), np.uint8), law)  # type: ignore[arg-type]
        apart = np.flatnonzero(again != ALL_CODES)
        assert set(apart.tolist()) <= ({0x7F} if law == "mu" else set())  # mu-law has a negative zero


@pytest.mark.parametrize("law", g711.LAWS)
def test_idle_sessions_are_silent_and_the_others_what_they_were(law: Any) -> None:
    pcm, active = np.repeat(ALL_PCM[:, ::1_999], 5, axis=0), np.array([True, False, True, True, False])
    codes = g711.encode(pcm, np.full(pcm.shape, 9, np.uint8), law)
    masked = g711.encode(pcm, np.full(pcm.shape, 9, np.uint8), law, active)
    silence = g711.encode(np.zeros_like(pcm), np.zeros_like(codes), law)
    assert np.array_equal(masked[active], codes[active]) and np.array_equal(masked[~active], silence[~active])
    heard = g711.decode(codes, np.full(pcm.shape, 9, np.int16), law)
    some = g711.decode(codes, np.full(pcm.shape, 9, np.int16), law, active)
    assert np.array_equal(some[active], heard[active]) and heard[~active].any() and not some[~active].any()
    with pytest.raises(UsageError, match="`active`"):
        g711.encode(pcm, codes, law, active[:3])
    with pytest.raises(UsageError, match="`active`"):
        g711.decode(codes, heard, law, active[:3])


def test_bad_input_is_refused() -> None:
    with pytest.raises(UsageError, match="No law 'b'"):
        g711.encode(ALL_PCM, np.zeros(ALL_PCM.shape, np.uint8), "b")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`out` must be"):
        g711.encode(ALL_PCM, np.zeros((1, 9), np.uint8))
    with pytest.raises(UsageError, match="`codes` must be uint8"):
        g711.decode(ALL_CODES.astype(np.float32), np.zeros((1, 256), np.int16))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`pcm` is int16"):
        g711.encode(np.zeros((0, 160), np.int16), np.zeros((0, 160), np.uint8))
