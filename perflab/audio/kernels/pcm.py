"""What every kernel demands of its arrays, said once: PCM is int16 [sessions, samples], C-contiguous."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.errors import UsageError

Pcm = NDArray[np.int16]
Mask = NDArray[np.bool_]
INT16, UINT8, FLOAT32, BOOL = (np.dtype(kind) for kind in (np.int16, np.uint8, np.float32, np.bool_))
ANY = (None, None)  # sessions and samples, as many as there are
MOST_SESSIONS, MOST_SAMPLES = 65_536, 1 << 24  # bounds what a wrong header or a hostile length can make us allocate


def pcm_from_bytes(raw: bytes | bytearray | memoryview, channels: int = 1) -> Pcm:
    """Return little-endian 16-bit PCM as int16 [channels, samples]; `raw` is interleaved.

    Raises UsageError for an odd number of bytes, or for bytes that are no whole number of samples of all channels.
    """
    if channels < 1:
        raise UsageError(f"{channels} channels", "at least one channel")
    if len(raw) % (2 * channels):
        raise UsageError(f"{len(raw)} bytes of 16-bit PCM with {channels} channel(s)",
                         f"a multiple of {2 * channels} bytes", "Keep the rest for the next frame")  # fmt: skip
    samples = np.frombuffer(raw, dtype="<i2").astype(np.int16, copy=False)
    return np.ascontiguousarray(samples.reshape(-1, channels).T)


def check_sessions(sessions: int) -> int:
    """Return the number of sessions; raises UsageError unless it lies in 1..65,536."""
    if not 1 <= sessions <= MOST_SESSIONS:
        raise UsageError(f"{sessions} sessions", f"between 1 and {MOST_SESSIONS:,}")
    return sessions


def check_array(name: str, array: Any, dtype: np.dtype[Any], shape: tuple[int | None, ...]) -> None:
    """Raise UsageError unless `array` has this dtype and shape and is C-contiguous.

    ANY as shape: two dimensions, none of them empty. A hot path: what is right costs a fraction of a microsecond,
    words are made only for what is wrong.
    """
    if type(array) is np.ndarray and (array.dtype is dtype or array.dtype == dtype) and array.flags.c_contiguous:
        have = array.shape
        if have == shape or (shape == ANY and len(have) == 2 and 0 not in have):
            return
    raise _wrong(name, array, dtype, shape)


def _wrong(name: str, array: Any, dtype: np.dtype[Any], shape: tuple[int | None, ...]) -> UsageError:
    wanted = f"{dtype} [{', '.join('n' if n is None else str(n) for n in shape)}], C-contiguous"
    if not isinstance(array, np.ndarray):
        return UsageError(f"`{name}` is {type(array).__name__}", f"a numpy array {wanted}")
    order = "" if array.flags.c_contiguous else ", not contiguous"
    return UsageError(f"`{name}` is {array.dtype} {list(array.shape)}{order}", f"`{name}` must be {wanted}",
                      "Check the rate, the frame length and the number of channels")  # fmt: skip


def check_finite(name: str, array: NDArray[Any]) -> None:
    """Raise UsageError when a float array holds NaN or infinity, and say in which rows."""
    wrong = ~np.isfinite(array)
    if wrong.any():
        rows = np.unique(np.nonzero(wrong)[0])[:8].tolist()
        raise UsageError(f"`{name}` holds NaN or infinity in rows {rows}", "finite numbers",
                         "Leave these sessions out through the active mask")  # fmt: skip


def check_active(active: Any, sessions: int) -> Mask:
    """Return the mask of active sessions, all when it is None; raises UsageError for another dtype or length."""
    if active is None:
        return _everyone(sessions)
    check_array("active", active, BOOL, (sessions,))
    return np.asarray(active)


@lru_cache(maxsize=64)
def _everyone(sessions: int) -> Mask:
    mask = np.ones(sessions, dtype=np.bool_)
    return mask
