"""Where is speech? The Silero network for many sessions at once."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.lanes import aligned_zeros
from perflab.audio.kernels.pcm import FLOAT32, Mask, check_active, check_array, check_sessions
from perflab.audio.kernels.real_tables import spectrum
from perflab.audio.kernels.silero_plan import hann, silero_plan
from perflab.audio.kernels.silero_weights import CHUNK, CONTEXT, HIDDEN, SileroWeights
from perflab.errors import UsageError

Context = Literal["ggml", "previous"]
CONTEXTS = ("ggml", "previous")
Probabilities = NDArray[np.float32]


class SileroBatch:
    """Gives each session's probability of speech, 32 ms at a time, state kept.

    `context`: what stands before a chunk. "previous": the last 64 samples of the chunk before, as the network was
    trained; "ggml": the mirror image of the chunk's own start and convolutions on float16, as the port to ggml
    computes it (largest difference from that seen: 0.0005, against 0.09 between the two; decisions at 0.5 hardly
    differ). "previous" takes its first layer, a windowed Fourier transform and 4 of 10 multiplications, by a fast one,
    as exactly as it was trained: the file's table is rounded to float16, which moves probabilities by up to 0.003.
    Why one network pass for all sessions: 395,000 further multiplications a chunk are 0.9 MB of weights, and read once
    for all they cost next to nothing. Lanes are outputs, so that one session alone is quick too. Weakness: a
    decision comes up to 32 ms late, and sessions whose chunks are full in the same tick make that tick long.
    Source: Silero Team, Silero VAD (v6); the weights are MIT licensed. Raises UsageError for zero sessions and another
    context.
    """

    def __init__(self, weights: SileroWeights, sessions: int, *, context: Context = "previous") -> None:
        from perflab.audio.kernels.compiled.silero import detect

        if context not in CONTEXTS:
            raise UsageError(f"Context {context!r}", f"one of {', '.join(CONTEXTS)}")
        self.sessions, self.context = check_sessions(sessions), context
        self._detect, self._plan = detect, silero_plan(weights)
        self._held, self._spectrum = self._plan.buffers(), spectrum(hann())
        self._last, self._last_bias = np.ascontiguousarray(weights.last), weights.last_bias
        self._context = aligned_zeros(sessions * CONTEXT).reshape(sessions, CONTEXT)
        self._hidden, self._cell = (aligned_zeros(sessions * HIDDEN).reshape(sessions, HIDDEN) for _ in range(2))

    def process(
        self, chunks: NDArray[np.float32], out: Probabilities | None = None, active: Mask | None = None
    ) -> Probabilities:
        """Return the probability of speech in `chunks` float32 [sessions, 512] at 16 kHz in `out` float32 [sessions].

        Samples lie in -1..1. Sessions that are not active get 0 and keep their state. A chunk with NaN, infinity or a
        sample beyond +-1,000 gets NaN and is not heard; no other session is touched by it. Raises UsageError for other
        shapes or dtypes.
        """
        out = np.empty(self.sessions, np.float32) if out is None else out
        check_array("chunks", chunks, FLOAT32, (self.sessions, CHUNK))
        check_array("out", out, FLOAT32, (self.sessions,))
        plan = self._plan
        self._detect(chunks, check_active(active, self.sessions), self.context == "previous", self._context,
                     self._hidden, self._cell, self._spectrum, plan.sizes, plan.tables, plan.biases, plan.depths,
                     plan.starts, plan.places, self._held, self._last, self._last_bias, out)  # fmt: skip
        return out

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget what was heard: of all sessions, or of those in the mask [sessions]."""
        mask = check_active(sessions, self.sessions)
        for state in (self._context, self._hidden, self._cell):
            state[mask] = 0
