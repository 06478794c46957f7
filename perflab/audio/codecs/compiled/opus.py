"""The loops of batched Opus: one call from Python, one call of libopus per session, no GIL between."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.codecs.compiled.calling import invoke
from perflab.jit import njit

BAD_LENGTH = -100  # ours, beside libopus's -1 to -7: a valid packet, but not of one frame
_I = np.int32


@njit(cache=True, nogil=True)
def encode_all(call: int, states: Any, pcm: Any, packets: Any, sizes: Any, active: Any) -> None:
    """Encode pcm int16 [sessions, frame] into rows of `packets`; `sizes` gets bytes, or libopus's negative error."""
    state, stride, most = states.ctypes.data, states.shape[1], _I(packets.shape[1])
    sound, row = pcm.ctypes.data, 2 * pcm.shape[1]
    out, width = packets.ctypes.data, packets.shape[1]
    for s in range(pcm.shape[0]):
        sizes[s] = 0
        if active[s]:
            sizes[s] = invoke(call, (state + s * stride, sound + s * row, _I(pcm.shape[1]), out + s * width, most))


@njit(cache=True, nogil=True)
def decode_all(call: int, count: int, rate_hz: int, states: Any, packets: Any, sizes: Any, pcm: Any, recover: Any,
               active: Any, results: Any) -> None:  # fmt: skip
    """Decode row by row; size 0 is a lost packet, which is concealed; so is one that libopus refuses.

    `recover`: sessions whose packet is the one AFTER the lost frame, from which FEC is decoded. `results`: 0 where a
    packet was decoded, 1 where a loss was concealed, negative where a packet was refused (and the frame concealed).
    """
    state, stride, frame = states.ctypes.data, states.shape[1], _I(pcm.shape[1])
    out, row = pcm.ctypes.data, 2 * pcm.shape[1]
    raw, width = packets.ctypes.data, packets.shape[1]
    for s in range(pcm.shape[0]):
        pcm[s, :] = 0
        results[s] = 0
        if not active[s]:
            continue
        here, sound, packet, size = state + s * stride, out + s * row, raw + s * width, _I(sizes[s])
        made = _I(0)
        if size < 0 or size > width:
            made = _I(BAD_LENGTH)
        elif size > 0:
            length = invoke(count, (packet, size, _I(rate_hz)))
            made = length if length < 0 else _I(BAD_LENGTH)
            if length == frame:
                made = invoke(call, (here, packet, size, sound, frame, _I(recover[s])))
        if made != frame:
            results[s] = made if made < 0 else 1
            invoke(call, (here, 0, _I(0), sound, frame, _I(0)))
