"""The Silero detector for one session, layer by layer as its graph is drawn, in float64.

In ggml's form the inputs of every convolution are rounded to float16, as its matrix products demand, and the first
layer is the file's table; otherwise it is what that table was before it was rounded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.silero_plan import exact_basis
from perflab.audio.kernels.silero_weights import BINS, CONTEXT, HIDDEN, HOP, LAYERS, TAPS, WINDOW, SileroWeights

Float = NDArray[np.float64]


class Silero:
    """Feeds on chunks of 512 samples in -1..1 and gives the probability of speech in each."""

    def __init__(self, weights: SileroWeights, context: str = "ggml") -> None:
        self.weights, self.context = weights, context
        self.basis = weights.basis.astype(float) if context == "ggml" else exact_basis()
        self.hidden, self.cell = np.zeros((2, HIDDEN))
        self.last = np.zeros(CONTEXT)

    def __call__(self, chunk: Float) -> float:
        """Return the probability of speech in the next chunk."""
        left = chunk[CONTEXT:0:-1] if self.context == "ggml" else self.last
        self.last = chunk[-CONTEXT:]
        padded = np.concatenate((left, chunk, chunk[-2 : -CONTEXT - 2 : -1]))
        frames = [padded[at : at + WINDOW] for at in range(0, padded.size - WINDOW + 1, HOP)]
        spectra = self.basis @ self._entering(np.array(frames)).T
        values = np.hypot(spectra[:BINS], spectra[BINS:])
        for (weight, bias), (_, _, stride) in zip(self.weights.layers, LAYERS, strict=True):
            values = np.maximum(_convolved(self._entering(values), weight.astype(float), stride) + bias[:, None], 0)
        self._remember(values[:, 0])
        score = np.maximum(self.hidden, 0) @ self.weights.last + self.weights.last_bias
        return float(_sigmoid(score))

    def _entering(self, values: Float) -> Float:
        return values.astype(np.float16).astype(np.float64) if self.context == "ggml" else values

    def _remember(self, features: Float) -> None:
        """One step of a long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates)."""
        w = self.weights
        gates = w.inputs.astype(float) @ features + w.recurrent.astype(float) @ self.hidden + w.bias
        enter, forget, new, leave = gates.reshape(4, HIDDEN)
        self.cell = _sigmoid(forget) * self.cell + _sigmoid(enter) * np.tanh(new)
        self.hidden = _sigmoid(leave) * np.tanh(self.cell)


def _convolved(values: Float, weight: Float, stride: int) -> Float:
    """Return the convolution over time of `values` [in, time], one zero on either side, with `weight` [out, in, 3]."""
    padded = np.pad(values, ((0, 0), (1, 1)))
    starts = range(0, padded.shape[1] - TAPS + 1, stride)
    return np.stack([np.tensordot(weight, padded[:, at : at + TAPS], ((1, 2), (0, 1))) for at in starts], axis=1)


def _sigmoid(x: NDArray[np.floating]) -> Float:
    return np.asarray(1 / (1 + np.exp(-x)))
