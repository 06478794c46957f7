"""HdrHistogram's V2 format: a histogram as text that every HdrHistogram tool reads.

base64( cookie, length, zlib( header of 40 bytes, counts )); all numbers big-endian. A count is a zig-zag LEB128 word
of at most 9 bytes; a negative word -k stands for k empty counters. Counts end with the last one in use.
Source: HdrHistogram, AbstractHistogram.encodeIntoByteBuffer and ZigZagEncoding (version 2.1 and later).
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from typing import NoReturn

import numpy as np

from perflab.errors import StatisticError
from perflab.stats.hdr_layout import LARGEST, MOST_COUNTERS
from perflab.stats.recorder import Counts, Recorder

WORD_SIZE = 0x10
COMPRESSED, PLAIN = 0x1C849304 | WORD_SIZE, 0x1C849303 | WORD_SIZE
OUTER = struct.Struct(">II")  # cookie, bytes that follow
# cookie, bytes of counts, normalising offset, digits, lowest, highest, ratio of integer to double
INNER = struct.Struct(">IIIIQQd")
MOST_BYTES = INNER.size + 9 * MOST_COUNTERS


def encode(recorder: Recorder) -> str:
    """Return the counts as a V2 blob; what lies outside the range has no place in one and stays with the recorder."""
    words = _pack(recorder.counts)
    shape = recorder.layout
    body = INNER.pack(PLAIN, len(words), 0, shape.digits, shape.lowest, shape.highest, 1.0) + words
    squeezed = zlib.compress(body)
    return base64.b64encode(OUTER.pack(COMPRESSED, len(squeezed)) + squeezed).decode("ascii")


def decode(blob: str | bytes) -> Recorder:
    """Return the recorder that a V2 blob was made from, its `exact` False; raises StatisticError for any other text.

    Nothing in the blob decides how much memory is taken: at most 9.4 MB are unpacked, at most 2^20 counters made.
    """
    body = _unpack(blob)
    if len(body) < INNER.size:
        _refuse(f"its header has {len(body)} of {INNER.size} bytes")
    cookie, length, offset, digits, lowest, highest, ratio = INNER.unpack_from(body)
    if cookie & ~0xF0 != PLAIN & ~0xF0:
        _refuse(f"its counts begin with {cookie:#x}, not with V2's {PLAIN:#x}")
    if length != len(body) - INNER.size:
        _refuse(f"it announces {length} bytes of counts and holds {len(body) - INNER.size}")
    if offset or ratio != 1.0:
        _refuse("it is shifted or scaled (a histogram of floating-point numbers)")
    try:
        recorder = Recorder(lowest, highest, digits)
    except StatisticError as error:
        _refuse(f"its limits are wrong ({error.given}; {error.required})")
    recorder.take_counts(_counts(body[INNER.size :], recorder.counts.size))
    return recorder


def _pack(counts: Counts) -> bytes:
    """Return the words of all counters up to the last one in use; runs of empty ones become one word."""
    packed, after = bytearray(), 0
    for index in np.flatnonzero(counts):
        empty = int(index) - after
        if empty:
            packed += _word(-empty if empty > 1 else 0)
        packed += _word(int(counts[index]))
        after = int(index) + 1
    return bytes(packed)


def _word(value: int) -> bytes:
    """Return a signed number as zig-zag LEB128; the ninth byte holds eight bits, so 9 bytes always suffice."""
    rest, out = ((value << 1) ^ (value >> 63)) & 0xFFFFFFFFFFFFFFFF, bytearray()
    while rest > 0x7F and len(out) < 8:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _unpack(blob: str | bytes) -> bytes:
    """Undo base64 and zlib, bounded."""
    if len(blob) > 2 * MOST_BYTES:
        _refuse(f"it is {len(blob):,} characters long, more than {2 * MOST_BYTES:,}")
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        _refuse("it is not base64")
    if len(raw) < OUTER.size:
        _refuse(f"it has {len(raw)} bytes")
    cookie, length = OUTER.unpack_from(raw)
    if cookie & ~0xF0 != COMPRESSED & ~0xF0:
        _refuse(f"it begins with {cookie:#x}, not with V2's {COMPRESSED:#x}")
    if length != len(raw) - OUTER.size:
        _refuse(f"it announces {length} bytes and holds {len(raw) - OUTER.size}")
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(raw[OUTER.size :], MOST_BYTES + 1)
    except zlib.error:
        _refuse("its compressed part is damaged")
    if len(body) > MOST_BYTES or not unpacker.eof or unpacker.unused_data:
        _refuse(f"its compressed part is cut off, followed by more, or larger than {MOST_BYTES:,} bytes")
    return body


def _counts(words: bytes, size: int) -> Counts:
    """Read words into counters, each checked against the room there is."""
    counts, at, place, total = np.zeros(size, dtype=np.int64), 0, 0, 0
    while at < len(words):
        value, at = _read_word(words, at)
        if value < 0:
            place -= value
        elif place < size:
            counts[place] = value
            place, total = place + 1, total + value
        else:
            place += 1
        if place > size or total > LARGEST:
            _refuse(f"it holds more than its {size:,} counters, or more than 2^63 values")
    return counts


def _read_word(words: bytes, at: int) -> tuple[int, int]:
    """Return one word and where the next begins."""
    value = 0
    for place in range(9):
        if at >= len(words):
            _refuse("it ends within a count")
        byte, at = words[at], at + 1
        if place == 8 or byte < 0x80:
            value |= byte << (7 * place)
            break
        value |= (byte & 0x7F) << (7 * place)
    return (value >> 1) ^ -(value & 1), at


def _refuse(why: str) -> NoReturn:
    raise StatisticError(f"This is no HdrHistogram V2 blob: {why}", "it must be base64 text as HdrHistogram writes it")
