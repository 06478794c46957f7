"""Where is speech? The Silero network of many sessions on a GPU: one block of threads per session, in shared memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.cuda.device import require_cuda
from perflab.audio.kernels.pcm import FLOAT32, Mask, check_active, check_array, check_sessions
from perflab.audio.kernels.silero import Probabilities
from perflab.audio.kernels.silero_plan import exact_basis, silero_products
from perflab.audio.kernels.silero_weights import CHUNK, CONTEXT, HIDDEN, SileroWeights


class CudaSilero:
    """Gives each session's probability of speech, 32 ms at a time; weights and state stay on the device.

    The network in the form `SileroBatch` calls "previous", all layers in one launch: what lies between two of them
    never leaves the block's 16 kB of shared memory. Differs from the graph in float64 by float32's rounding (bound in
    the tests: 5e-5). Weakness: every block reads all 1.2 MB of weights, from the second cache at best, where the
    batch on the CPU reads them once for 48 sessions; it pays from hundreds of sessions on, not below. Source: as
    `SileroBatch`. Raises UsageError for zero sessions, and where there is no GPU.
    """

    def __init__(self, weights: SileroWeights, sessions: int) -> None:
        require_cuda()
        from perflab.audio.kernels.cuda.device_silero import THREADS, cuda, detect, forget

        self.sessions = check_sessions(sessions)
        self._detect, self._forget, self._threads = detect, forget, THREADS
        products = silero_products(replace(weights, basis=exact_basis().astype(np.float32)))
        self._network = (
            *(cuda.to_device(np.ascontiguousarray(matrix.T)) for matrix, _ in products),
            *(cuda.to_device(np.ascontiguousarray(bias)) for _, bias in products),
            cuda.to_device(np.append(weights.last, np.float32(weights.last_bias))),
        )
        self._state = tuple(
            cuda.to_device(np.zeros((sessions, size), np.float32)) for size in (CONTEXT, HIDDEN, HIDDEN)
        )
        self._heard = cuda.device_array((sessions, CHUNK), np.float32)
        self._mask = cuda.device_array(sessions, np.bool_)
        self._found = cuda.device_array(sessions, np.float32)

    def process(
        self, chunks: NDArray[np.float32], out: Probabilities | None = None, active: Mask | None = None
    ) -> Probabilities:
        """Return the probability of speech in `chunks` float32 [sessions, 512] at 16 kHz in `out` float32 [sessions].

        As `SileroBatch.process`: sessions that are not active get 0 and keep their state, a chunk with NaN, infinity
        or a sample beyond +-1,000 gets NaN and is not heard. Raises UsageError for other shapes or dtypes.
        """
        out = np.empty(self.sessions, np.float32) if out is None else out
        check_array("chunks", chunks, FLOAT32, (self.sessions, CHUNK))
        check_array("out", out, FLOAT32, (self.sessions,))
        self._heard.copy_to_device(chunks)
        self._mask.copy_to_device(check_active(active, self.sessions))
        self._detect[self.sessions, self._threads](self._heard, self._mask, *self._network, *self._state, self._found)
        self._found.copy_to_host(out)
        return out

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget what was heard: of all sessions, or of those in the mask [sessions]."""
        self._mask.copy_to_device(check_active(sessions, self.sessions))
        self._forget[self.sessions, self._threads](self._mask, *self._state)
