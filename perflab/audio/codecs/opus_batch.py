"""Opus for many sessions at once: one call from Python per tick, every session by libopus without the GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.codecs.codec import Settings, check_ranges
from perflab.audio.codecs.libopus import libopus
from perflab.audio.kernels.pcm import INT16, UINT8, Mask, Pcm, check_active, check_array, check_sessions
from perflab.errors import UsageError

RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
FRAME_MS, PACKET_BYTES, LEAST_PACKET_BYTES, MOST_PACKET_BYTES = 20, 400, 16, 1_275
INT32 = np.dtype(np.int32)
CACHE_LINE = 64
Packets = NDArray[np.uint8]
Sizes = NDArray[np.int32]


class OpusBatch:
    """One encoder and one decoder per session, mono speech in frames of 20 ms; sessions share nothing.

    `bitrate` in bit/s, 6,000 to 510,000; `complexity` 0 to 10: CPU against quality; `dtx`: packets of at most two bytes
    in silence; `fec`: a coarse copy of each frame in the packet after it, of which `loss_percent` decides the share of
    the bits. Weakness: below 24 kbit/s, or with `loss_percent` below 10, libopus spends nothing on FEC, whatever `fec`
    says. Why by the function's address from compiled code: a binding costs 2 us (ctypes) to 10 us (PyAV) per frame,
    this less than 0.1 us, and threads run beside each other. Source: RFC 6716; opus_encoder.c of libopus.
    Raises UsageError for zero sessions, settings out of range, another rate, and when there is no libopus.
    """

    def __init__(self, sessions: int, bitrate: int = 16_000, complexity: int = 5, fec: bool = False, dtx: bool = False,
                 *, loss_percent: int = 0, rate_hz: int = 16_000) -> None:  # fmt: skip
        if rate_hz not in RATES:
            raise UsageError(f"A rate of {rate_hz} Hz", f"rates are {', '.join(map(str, RATES))} Hz")
        self.library = libopus()
        from perflab.audio.codecs.compiled.opus import decode_all, encode_all

        self._encode_all, self._decode_all = encode_all, decode_all
        self.sessions, self.rate_hz, self.frame = check_sessions(sessions), rate_hz, rate_hz * FRAME_MS // 1_000
        self.encoders = _states(sessions, self.library.encoder_size())
        self._decoders = _states(sessions, self.library.decoder_size())
        for session in range(sessions):
            self.library.start_encoder(self.encoders[session].ctypes.data, rate_hz)
            self.library.start_decoder(self._decoders[session].ctypes.data, rate_hz)
        self.configure(Settings(bitrate, complexity, dtx, fec, loss_percent))
        self._results, self._none = np.zeros(sessions, np.int32), np.zeros(sessions, np.bool_)

    @property
    def version(self) -> str:
        """Which libopus this is."""
        return self.library.version

    @property
    def behind(self) -> int:
        """Samples by which decoded sound lags what went in."""
        return self.library.lookahead(self.encoders[0].ctypes.data)

    def configure(self, settings: Settings, sessions: Mask | None = None) -> None:
        """Set what is given, of all sessions or of those in the mask [sessions]; it holds from the next frame on.

        Raises UsageError for a value out of range, before anything is set.
        """
        given = check_ranges(settings).given
        for session in np.flatnonzero(check_active(sessions, self.sessions)):
            for name, value in given.items():
                self.library.set(self.encoders[session].ctypes.data, name, int(value))

    def encode(self, pcm: Pcm, packets: Packets, sizes: Sizes, active: Mask | None = None) -> Sizes:
        """Encode `pcm` int16 [sessions, frame] into rows of `packets` uint8 [sessions, 16..1275] and return `sizes`.

        `sizes` int32 [sessions]: bytes of each packet, 0 for a session that is not active (its encoder stands still).
        The width of `packets` bounds a packet: 400 is 160 kbit/s. Raises UsageError for other shapes or dtypes.
        """
        check_array("pcm", pcm, INT16, (self.sessions, self.frame))
        self._check(packets, sizes)
        mask = check_active(active, self.sessions)
        self._encode_all(self.library.encode_address, self.encoders, pcm, packets, sizes, mask)
        return sizes

    def decode(self, packets: Packets, sizes: Sizes, out: Pcm, recover: Mask | None = None,
               active: Mask | None = None) -> NDArray[np.int32]:  # fmt: skip
        """Decode one packet of every active session into `out` int16 [sessions, frame]; return what was done.

        Size 0: the packet is lost and the frame is concealed. `recover` [sessions]: the packet is the one after a lost
        frame; the lost frame is decoded from its FEC (concealed where it carries none), and the packet must be given
        again, without `recover`, for its own frame. Returns int32 [sessions], valid until the next call: 0 decoded, 1
        concealed, negative: the packet was refused (`refusal` says why) and the frame concealed, others are not
        touched by that. Raises UsageError for other shapes or dtypes.
        """
        check_array("out", out, INT16, (self.sessions, self.frame))
        self._check(packets, sizes)
        wanted = self._none if recover is None else check_active(recover, self.sessions)
        self._decode_all(self.library.decode_address, self.library.samples_address, self.rate_hz, self._decoders,
                         packets, sizes, out, wanted, check_active(active, self.sessions), self._results)  # fmt: skip
        return self._results

    def refusal(self, result: int) -> str:
        """Return in words why `decode` refused a packet."""
        from perflab.audio.codecs.compiled.opus import BAD_LENGTH

        return f"not one frame of {FRAME_MS} ms" if result == BAD_LENGTH else self.library.error(result)

    def reset(self, sessions: Mask | None = None) -> None:
        """Forget what was heard and sent, of all sessions or of those in the mask; settings stay."""
        for session in np.flatnonzero(check_active(sessions, self.sessions)):
            self.library.forget(self.encoders[session].ctypes.data, self._decoders[session].ctypes.data)

    def _check(self, packets: Packets, sizes: Sizes) -> None:
        width = packets.shape[1] if isinstance(packets, np.ndarray) and packets.ndim == 2 else 0
        if not LEAST_PACKET_BYTES <= width <= MOST_PACKET_BYTES:
            width = PACKET_BYTES  # named in the error that follows
        check_array("packets", packets, UINT8, (self.sessions, width))
        check_array("sizes", sizes, INT32, (self.sessions,))


def _states(sessions: int, size: int) -> NDArray[np.uint8]:
    """Return zeroed memory for one state per session, each at a cache line: threads then share none."""
    stride = -(-size // CACHE_LINE) * CACHE_LINE
    raw: Any = np.zeros(sessions * stride + CACHE_LINE, dtype=np.uint8)
    skip = -raw.ctypes.data % CACHE_LINE
    return np.asarray(raw[skip : skip + sessions * stride].reshape(sessions, stride))
