"""Frames of 20 ms in, chunks of 32 ms out: what stands between a line's ticks and a detector's windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.lanes import aligned_zeros
from perflab.audio.kernels.pcm import INT16, Mask, Pcm, check_active, check_array, check_sessions
from perflab.errors import UsageError

MOST = 1 << 16


class ChunkFifo:
    """Joins each session's frames of `frame` samples of int16 to chunks of `chunk` samples of float32 in -1..1.

    Sessions join and pause as they like, so each has its own filling: of 64 sessions at 20 ms and chunks of 32 ms,
    five in eight have a chunk in a tick, and spread over the ticks the work is even. Weakness: it adds a wait of up to
    one chunk less a sample. Raises UsageError for zero sessions and frames longer than a chunk.
    """

    def __init__(self, sessions: int, frame: int = 320, chunk: int = 512) -> None:
        from perflab.audio.kernels.compiled.chunks import join

        if not 0 < frame <= chunk <= MOST:
            raise UsageError(f"Frames of {frame} samples for chunks of {chunk}", f"1 <= frame <= chunk <= {MOST:,}")
        self.sessions, self.frame, self.chunk = check_sessions(sessions), frame, chunk
        self.chunks: NDArray[np.float32] = aligned_zeros(sessions * chunk).reshape(sessions, chunk)
        self.ready: Mask = np.zeros(sessions, np.bool_)
        self._join, self._filled = join, np.zeros(sessions, np.int64)
        self._held = np.zeros((sessions, chunk), np.float32)

    def push(self, pcm: Pcm, active: Mask | None = None) -> Mask:
        """Take a frame int16 [sessions, frame] of each active session; return the mask of those with a new chunk.

        Their rows of `chunks` hold it until the next call; the mask is the attribute `ready`. Raises UsageError for
        other shapes or dtypes.
        """
        check_array("pcm", pcm, INT16, (self.sessions, self.frame))
        self._join(pcm, check_active(active, self.sessions), self._held, self._filled, self.chunks, self.ready)
        return self.ready

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget what has been collected: of all sessions, or of those in the mask [sessions]."""
        mask = check_active(sessions, self.sessions)
        self._filled[mask] = 0
        self.ready[mask] = False
