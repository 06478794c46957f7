"""Bare libopus: a compiled loop over ticks and sessions, with no Python between frames; the rod for overhead."""

from __future__ import annotations

from typing import Any

from perflab.audio.codecs.compiled.opus import encode_all
from perflab.jit import njit


@njit(cache=True, nogil=True)
def encode_ticks(call: int, states: Any, sound: Any, packets: Any, sizes: Any, active: Any) -> None:
    """Encode int16 [ticks, sessions, frame]; packets and sizes are those of the last tick."""
    for tick in range(sound.shape[0]):
        encode_all(call, states, sound[tick], packets, sizes, active)
