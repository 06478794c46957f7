"""libspeexdsp as a peer: what telephony has used for twenty years against noise and echo, one stream at a time."""

from __future__ import annotations

import ctypes
import weakref
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np

from perflab.audio.kernels.pcm import Pcm

WHY = "libspeexdsp is not installed: pip install speexdsp-ns"
PACKAGE, RATE, FRAME = "speexdsp-ns", 16_000, 320  # 20 ms, at which it is fastest
SET_DENOISE, SET_SAMPLING_RATE = 0, 24  # speex/speex_preprocess.h, speex/speex_echo.h
_STATE, _INT, _POINTER = ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p


@lru_cache(maxsize=1)
def speexdsp() -> ctypes.CDLL | None:
    """Return the library that the wheel carries, or None where it is not installed."""
    try:
        found = [file for file in metadata.files(PACKAGE) or () if file.name.startswith("libspeexdsp")]
    except metadata.PackageNotFoundError:
        return None
    if not found:
        return None
    library = ctypes.CDLL(str(found[0].locate()))
    for prefix, arguments in (("speex_echo", (_INT, _INT)), ("speex_preprocess", (_INT, _INT))):
        _declare(library, f"{prefix}_state_init", _STATE, *arguments)
        _declare(library, f"{prefix}_state_destroy", None, _STATE)
        _declare(library, f"{prefix}_ctl", _INT, _STATE, _INT, _POINTER)
    _declare(library, "speex_echo_cancellation", None, _STATE, _POINTER, _POINTER, _POINTER)
    _declare(library, "speex_preprocess_run", _INT, _STATE, _POINTER)
    return library


def _declare(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> None:
    function = getattr(library, name)
    function.restype, function.argtypes = result, list(arguments)


class SpeexDenoiser:
    """One stream of its preprocessor with noise suppression alone, at its defaults (15 dB), frames of 20 ms."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._state = library.speex_preprocess_state_init(FRAME, RATE)
        weakref.finalize(self, library.speex_preprocess_state_destroy, self._state)
        library.speex_preprocess_ctl(self._state, SET_DENOISE, ctypes.byref(_INT(1)))

    def process(self, frame: Pcm) -> None:
        """Denoise int16 [320] in place; what comes out is 20 ms late."""
        self.process_at(frame.ctypes.data)

    def process_at(self, frame: int) -> None:
        """Denoise what lies at this address: for a race, because asking numpy for it is a tenth of the call."""
        self._library.speex_preprocess_run(self._state, frame)


class SpeexEcho:
    """One stream of its echo canceller (MDF with a variable step), frames of 20 ms, without its post-filter."""

    def __init__(self, library: Any, tail: int) -> None:
        self._library = library
        self._state = library.speex_echo_state_init(FRAME, tail)
        weakref.finalize(self, library.speex_echo_state_destroy, self._state)
        library.speex_echo_ctl(self._state, SET_SAMPLING_RATE, ctypes.byref(_INT(RATE)))

    def process(self, mic: Pcm, far: Pcm, out: Pcm) -> None:
        """Write `mic` less the echo of `far` into `out`, all int16 [320]."""
        self.process_at(mic.ctypes.data, far.ctypes.data, out.ctypes.data)

    def process_at(self, mic: int, far: int, out: int) -> None:
        """Do the same with what lies at these addresses, for a race."""
        self._library.speex_echo_cancellation(self._state, mic, far, out)


def addresses(rows: Pcm) -> list[int]:
    """Return where each row of `rows` int16 [sessions, n] lies; they must outlive what is given these numbers."""
    return [rows.ctypes.data + at * rows.strides[0] for at in range(rows.shape[0])]


def denoised(library: Any, pcm: Pcm) -> Pcm:
    """Return `pcm` int16 [sessions, n], n a multiple of 320, denoised by a stream each."""
    out = pcm.copy()
    for row in out:
        stream = SpeexDenoiser(library)
        for start in range(0, row.size, FRAME):
            stream.process(row[start : start + FRAME])
    return out


def cancelled(library: Any, mic: Pcm, far: Pcm, tail: int) -> Pcm:
    """Return `mic` int16 [sessions, n], n a multiple of 320, less the echo of `far`, by a stream each."""
    out = np.zeros_like(mic)
    for mine, theirs, made in zip(mic, far, out, strict=True):
        stream = SpeexEcho(library, tail)
        for start in range(0, mine.size, FRAME):
            part = slice(start, start + FRAME)
            stream.process(mine[part], theirs[part], made[part])
    return out
