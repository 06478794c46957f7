"""G.711 by its definition: a search for the segment, sample by sample."""

from __future__ import annotations

MU_BIAS, MU_CLIP = 33, 8159


def encode_mu(sample: int) -> int:
    """Return the mu-law byte of a 16-bit sample: 14 bits, biased by 33, segment and four bits, inverted."""
    value = sample >> 2
    size = min(abs(value), MU_CLIP) + MU_BIAS
    segment = size.bit_length() - 6
    code = 0x7F if segment > 7 else segment << 4 | size >> (segment + 1) & 15
    return code ^ (0x7F if value < 0 else 0xFF)


def encode_a(sample: int) -> int:
    """Return the A-law byte of a 16-bit sample: 13 bits, segment and four bits, even bits inverted."""
    value = sample >> 3
    size = -value - 1 if value < 0 else value
    segment = max(size.bit_length() - 5, 0)
    code = segment << 4 | size >> max(segment, 1) & 15
    return code ^ (0x55 if value < 0 else 0xD5)


def decode_mu(byte: int) -> int:
    """Return the 16-bit sample of a mu-law byte: the middle of its interval."""
    code = byte ^ 0xFF
    size = (((code & 15) << 1 | 33) << (code >> 4 & 7)) - MU_BIAS
    return 4 * (-size if code & 0x80 else size)


def decode_a(byte: int) -> int:
    """Return the 16-bit sample of an A-law byte: the middle of its interval."""
    code = byte ^ 0x55
    segment, mantissa = code >> 4 & 7, code & 15
    size = mantissa << 1 | 1 if segment == 0 else (mantissa << 1 | 33) << (segment - 1)
    return 8 * (size if code & 0x80 else -size)
