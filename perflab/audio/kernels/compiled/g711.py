"""The compiled half of G.711: no tables and no branches, so that a register of samples is coded at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels.compiled.g711_register import AVAILABLE, WIDTH, a16, mu16
from perflab.audio.kernels.compiled.integers import (
    add32,
    and32,
    float_bits,
    max32,
    min32,
    or32,
    shl32,
    shr32,
    sub32,
    xor32,
)  # fmt: skip
from perflab.jit import njit

_I = np.int32


@njit(cache=True, nogil=True)
def encode_mu(frames: Any, results: Any) -> None:
    """Code int16 as mu-law bytes: segment and mantissa are exponent and top bits of the magnitude as float32."""
    pcm, out = frames.reshape(frames.size), results.reshape(results.size)
    for k in range(pcm.size):
        x = shr32(_I(pcm[k]), _I(2))
        sign = shr32(x, _I(31))
        biased = add32(min32(sub32(xor32(x, sign), sign), _I(8159)), _I(33))
        code = min32(sub32(shr32(float_bits(biased), _I(19)), _I((127 + 5) << 4)), _I(127))
        out[k] = np.uint8(xor32(code, xor32(_I(0xFF), and32(sign, _I(0x80)))))


@njit(cache=True, nogil=True)
def encode_a(frames: Any, results: Any) -> None:
    """Code int16 as A-law bytes; below segment 1 the code is linear."""
    pcm, out = frames.reshape(frames.size), results.reshape(results.size)
    for k in range(pcm.size):
        x = shr32(_I(pcm[k]), _I(3))
        sign = shr32(x, _I(31))
        size = xor32(x, sign)
        linear = shr32(size, _I(1))
        code = max32(linear, _I(0)) if size < 32 else sub32(shr32(float_bits(size), _I(19)), _I((127 + 4) << 4))
        out[k] = np.uint8(xor32(code, xor32(_I(0xD5), and32(sign, _I(0x80)))))


@njit(cache=True, nogil=True)
def decode_mu(frames: Any, results: Any) -> None:
    """Decode mu-law bytes to int16."""
    codes, out = frames.reshape(frames.size), results.reshape(results.size)
    whole = codes.size // WIDTH * WIDTH if AVAILABLE else 0
    if AVAILABLE:
        for k in range(0, whole, WIDTH):
            mu16(codes, out, k)
    for k in range(whole, codes.size):
        code = xor32(_I(codes[k]), _I(0xFF))
        size = shl32(or32(shl32(and32(code, _I(15)), _I(3)), _I(0x84)), and32(shr32(code, _I(4)), _I(7)))
        sign = sub32(_I(0), shr32(code, _I(7)))
        out[k] = np.int16(sub32(xor32(sub32(size, _I(0x84)), sign), sign))


@njit(cache=True, nogil=True)
def decode_a(frames: Any, results: Any) -> None:
    """Decode A-law bytes to int16."""
    codes, out = frames.reshape(frames.size), results.reshape(results.size)
    whole = codes.size // WIDTH * WIDTH if AVAILABLE else 0
    if AVAILABLE:
        for k in range(0, whole, WIDTH):
            a16(codes, out, k)
    for k in range(whole, codes.size):
        code = xor32(_I(codes[k]), _I(0x55))
        segment = and32(shr32(code, _I(4)), _I(7))
        first = min32(segment, _I(1))
        size = add32(shl32(and32(code, _I(15)), _I(4)), add32(shl32(first, _I(8)), _I(8)))
        size = shl32(size, sub32(segment, first))
        sign = sub32(shr32(code, _I(7)), _I(1))
        out[k] = np.int16(sub32(xor32(size, sign), sign))
