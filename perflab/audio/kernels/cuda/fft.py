"""The Fourier transform of many sessions on a GPU: one block of threads per session, in shared memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.cuda.device import require_cuda
from perflab.audio.kernels.pcm import check_array, check_sessions
from perflab.errors import UsageError

LEAST, MOST = 4, 2_048  # points; twice as many would need more shared memory than a block surely has
COMPLEX64 = np.dtype(np.complex64)


class CudaFFT:
    """Forward complex transforms of `points` (a power of two, 4 to 2,048) of `sessions` rows, in float32.

    Rows lie on the GPU as they lie in memory: neighbouring threads work on neighbouring points, so no lanes are
    needed. Radix two, decimation in time, one butterfly per thread and pass. Weakness: the way to the GPU and back
    costs more than the transform; it pays where the data already are there. Source: Cooley and Tukey (1965).
    Raises UsageError for another number of points, zero sessions, and where there is no GPU.
    """

    def __init__(self, points: int, sessions: int) -> None:
        require_cuda()
        from perflab.audio.kernels.cuda.device_fft import cuda, transform_of

        if not LEAST <= points <= MOST or points & (points - 1):
            raise UsageError(f"A transform of {points} points", f"a power of two from {LEAST} to {MOST:,}")
        self.points, self.sessions = points, check_sessions(sessions)
        self._kernel = transform_of(points)
        angle = -2 * np.pi * np.arange(points // 2) / points
        self._twiddle = cuda.to_device(np.exp(1j * angle).astype(np.complex64))
        self._values = cuda.device_array((sessions, points), np.complex64)

    def forward(self, values: NDArray[np.complex64], out: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Transform the rows of `values` complex64 [sessions, points] into `out` and return it.

        A row that holds NaN spoils itself alone. Raises UsageError for other shapes or dtypes.
        """
        for name, array in (("values", values), ("out", out)):
            check_array(name, array, COMPLEX64, (self.sessions, self.points))
        self._values.copy_to_device(values)
        self._kernel[self.sessions, self.points // 2](self._values, self._twiddle)
        self._values.copy_to_host(out)
        return out
