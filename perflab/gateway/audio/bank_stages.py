"""The first and the last stage of a bank: what a form of audio needs on its way to Live's rate, and back."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from perflab.audio.kernels.pcm import Mask, Pcm
from perflab.audio.kernels.resampler import Resampler
from perflab.gateway.audio.rows import Rows
from perflab.wire.audio_format import FRAME_MS, LIVE_DOWN_HZ, LIVE_UP_HZ, AudioFormat

Refused = list[int]  # rows whose frame could not be read and was made up


class Entry(Protocol):
    """Makes PCM at Live's rate of what waits in the rows."""

    def process(self, rows: Rows[Any], out: Pcm, active: Mask) -> Refused:
        """Fill `out` [rows, samples] where `active`; return the rows that were refused."""

    def reset(self, mask: Mask) -> None:
        """Forget these rows."""


class Exit(Protocol):
    """Makes a client's audio of Live's."""

    def process(self, pcm: Pcm, active: Mask) -> None:
        """Work on the rows that are `active`."""

    def audio(self, row: int) -> bytes:
        """Return what became of a row."""

    def reset(self, mask: Mask) -> None:
        """Forget these rows."""


class ResampledEntry:
    """PCM of another rate."""

    def __init__(self, form: AudioFormat, sessions: int) -> None:
        self._resampler = Resampler(form.rate_up, LIVE_UP_HZ, sessions, frame_ms=FRAME_MS)

    def process(self, rows: Rows[Any], out: Pcm, active: Mask) -> Refused:
        """Resample; nothing is ever refused."""
        self._resampler.process(rows.pcm, out, active)
        return []

    def reset(self, mask: Mask) -> None:
        """Forget these rows."""
        self._resampler.reset(mask)


class ResampledExit:
    """PCM of another rate."""

    def __init__(self, form: AudioFormat, sessions: int) -> None:
        self._resampler = Resampler(LIVE_DOWN_HZ, form.rate_down, sessions, frame_ms=FRAME_MS)
        self.pcm = np.zeros((sessions, self._resampler.frame_out), np.int16)

    def process(self, pcm: Pcm, active: Mask) -> None:
        """Resample."""
        self._resampler.process(pcm, self.pcm, active)

    def audio(self, row: int) -> bytes:
        """Return the samples of a row."""
        return bytes(self.pcm[row].tobytes())

    def reset(self, mask: Mask) -> None:
        """Forget these rows."""
        self._resampler.reset(mask)


class OpusEntry:
    """Packets of Opus; one that cannot be decoded is concealed, in its own row."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def process(self, rows: Rows[Any], out: Pcm, active: Mask) -> Refused:
        """Decode; return the rows whose packets were refused."""
        results = self._batch.decode(rows.packets, rows.sizes, out, active=active)
        return [int(row) for row in np.flatnonzero(active & (results < 0))]

    def reset(self, mask: Mask) -> None:
        """Forget these rows, both ways: this is where a session begins."""
        self._batch.reset(mask)


class OpusExit(ResampledExit):
    """Packets of Opus: down to the rate of speech first, then encoded."""

    def __init__(self, form: AudioFormat, sessions: int, batch: Any) -> None:
        super().__init__(form, sessions)
        from perflab.audio.codecs.opus_batch import PACKET_BYTES

        self._batch = batch
        self._packets = np.zeros((sessions, PACKET_BYTES), np.uint8)
        self._sizes = np.zeros(sessions, np.int32)

    def process(self, pcm: Pcm, active: Mask) -> None:
        """Resample and encode."""
        super().process(pcm, active)
        self._batch.encode(self.pcm, self._packets, self._sizes, active)

    def audio(self, row: int) -> bytes:
        """Return the packet of a row."""
        return self._packets[row, : self._sizes[row]].tobytes()


def ends_of(form: AudioFormat, sessions: int) -> tuple[Entry | None, Exit | None]:
    """Return the first and the last stage of a form; None where audio passes as it is."""
    if form.codec == "opus":
        from perflab.audio.codecs.opus_batch import OpusBatch

        batch = OpusBatch(sessions, rate_hz=LIVE_UP_HZ)
        return OpusEntry(batch), OpusExit(form, sessions, batch)
    return (
        ResampledEntry(form, sessions) if form.rate_up != LIVE_UP_HZ else None,
        ResampledExit(form, sessions) if form.rate_down != LIVE_DOWN_HZ else None,
    )
