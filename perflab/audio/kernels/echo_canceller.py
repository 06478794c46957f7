"""Echo cancellation of many sessions at once: what a loudspeaker plays is taken out of what the microphone hears."""

from __future__ import annotations

import math

import numpy as np

from perflab.audio.kernels.echo_setting import BLOCK, POINTS, RATE_HZ, TAPS, EchoSetting
from perflab.audio.kernels.lanes import GROUP, LANES, aligned_zeros
from perflab.audio.kernels.pcm import INT16, Mask, Pcm, check_active, check_array, check_sessions
from perflab.audio.kernels.real_tables import forget, real_tables, register_rows
from perflab.errors import UsageError

MOST_FRAME, LEAST_TAIL_MS, MOST_TAIL_MS = 1_600, 10.0, 500.0


class EchoCanceller:
    """Subtracts the echo of `far` from `mic`, both int16 [sessions, frame] at 16 kHz, frame after frame, state kept.

    A partitioned-block frequency-domain Kalman filter: blocks of 160, spectra of 512 points, partitions of 320 taps
    until `tail_ms` is covered. The variance of each weight and the power of the near end give the step of every
    frequency, so adaptation slows by itself while the near end talks; a filter that adds energy for some 100 ms is
    outdated and learns anew. No delay. Weakness: linear, without suppression of the residue (clipping loudspeakers
    stay audible); a delay of the echo beyond `tail_ms` is not searched for. Sources: Enzner and Vary, Signal Processing
    86(6), 2006; Kuech, Mabande and Enzner, ICASSP 2014 (partitions); the weights are cut to their length in turn as in
    Soo and Pang, IEEE TASSP 38(2), 1990, instead of all after every block.
    Raises UsageError for zero sessions, a frame that is not 10 to 100 ms in steps of 10 ms, a tail out of range.
    """

    rate = RATE_HZ

    def __init__(self, sessions: int, *, tail_ms: float = 128.0, frame_ms: float = 20.0,
                 setting: EchoSetting | None = None) -> None:  # fmt: skip
        from perflab.audio.kernels.compiled.echo_canceller import cancel_groups

        self.sessions, self.setting = check_sessions(sessions), setting or EchoSetting()
        self.frame = round(frame_ms * RATE_HZ / 1e3)
        if self.frame != frame_ms * RATE_HZ / 1e3 or self.frame % BLOCK or not BLOCK <= self.frame <= MOST_FRAME:
            raise UsageError(f"Frames of {frame_ms:g} ms", "10 to 100 ms in steps of 10 ms")
        if not LEAST_TAIL_MS <= tail_ms <= MOST_TAIL_MS:
            raise UsageError(f"A tail of {tail_ms:g} ms", f"{LEAST_TAIL_MS:g} to {MOST_TAIL_MS:g} ms")
        self.partitions = math.ceil(tail_ms * RATE_HZ / 1e3 / TAPS)
        registers, tables, slots = -(-sessions // LANES), real_tables(POINTS), TAPS // BLOCK * (self.partitions - 1) + 1
        bins = tables.bins
        self._turn, self._newest = 0, np.zeros(registers, np.int64)
        self._past, self._near, self._smooth = (register_rows(registers, n) for n in (POINTS - BLOCK, bins, 2))
        self._spectra = register_rows(registers, bins * slots * 2)
        self._weights = register_rows(registers, bins * self.partitions * 3)
        self._cancel_groups = cancel_groups
        planes = tables.planes(4)
        scratch = (aligned_zeros(self.frame * GROUP) for _ in range(3))
        self._fixed = (*scratch, planes[:3], planes[3], register_rows(3, bins), tables.held, aligned_zeros(3 * LANES),
                       np.zeros(self.partitions, np.int64), tables.twiddle, tables.order, tables.turns,
                       self.setting.packed(), BLOCK, TAPS, self.setting.shortened)  # fmt: skip
        self.reset()

    def process(self, mic: Pcm, far: Pcm, out: Pcm, active: Mask | None = None) -> Pcm:
        """Write `mic` [sessions, frame] less the echo of `far` [sessions, frame] into `out`, and return `out`.

        `far`: what the loudspeaker is given in the same 20 ms. Sessions that are not active keep their state, their
        rows are not read and their row of `out` is zero. Raises UsageError for other shapes or dtypes.
        """
        for name, array in (("mic", mic), ("far", far), ("out", out)):
            check_array(name, array, INT16, (self.sessions, self.frame))
        self._cancel_groups(mic, far, out, check_active(active, self.sessions), self._turn, self._newest, self._past,
                            self._spectra, self._weights, self._near, self._smooth, *self._fixed)  # fmt: skip
        self._turn += self.frame // BLOCK
        return out

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget what was heard and learnt: of all sessions, or of those in the mask [sessions]."""
        mask = check_active(sessions, self.sessions)
        for state in (self._past, self._near, self._smooth, self._spectra, self._weights):
            forget(state, mask)
        triples = self._weights.reshape(self._weights.shape[0], -1, 3, LANES)[:, :, 2]
        variances = np.ascontiguousarray(triples).reshape(self._weights.shape[0], -1)
        forget(variances, mask, self.setting.first_variance)
        triples[:] = variances.reshape(triples.shape)
