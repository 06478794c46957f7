"""A whole signal through a codec and back, packet by packet, with packets lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.codecs.codec import Codec, CorruptPacket, Decoder, Encoder, Settings, Sound
from perflab.errors import UsageError


@dataclass(frozen=True)
class Coded:
    """A signal as packets; `samples` is its length before the codec."""

    codec: Codec
    packets: tuple[bytes, ...]
    samples: int

    @property
    def kbit_s(self) -> float:
        """Bits that are sent per second of sound, without headers of any transport."""
        return 8e-3 * sum(map(len, self.packets)) * self.codec.rate_hz / (len(self.packets) * self.codec.frame)


def encode_stream(codec: Codec, pcm: Any, rate_hz: int, settings: Settings | None = None,
                  encoder: Encoder | None = None) -> Coded:  # fmt: skip
    """Return `pcm` int16 [samples], mono, as packets.

    The last frame is filled up with silence, and frames of silence follow until all that lags is out. `encoder`: a
    fresh one of this codec, with its settings, where making one is not to be in what is timed. Raises UsageError
    for another rate than the codec's, more channels, another dtype, or nothing.
    """
    if rate_hz != codec.rate_hz:
        raise UsageError(f"{rate_hz:,} Hz for {codec.name}", f"{codec.rate_hz:,} Hz", "Resample it first")
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1 or not pcm.size:
        given = f"{pcm.dtype} {list(pcm.shape)}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise UsageError(f"The signal for {codec.name} is {given}", "int16 [samples], mono", "Mix it down first")
    frames = -(-(pcm.size + codec.behind) // codec.frame)
    whole = np.zeros(frames * codec.frame, np.int16)
    whole[: pcm.size] = pcm
    encoder = encoder or codec.encoder(settings)
    packets = [packet for frame in whole.reshape(frames, -1) for packet in encoder.encode(frame)] + encoder.flush()
    return Coded(codec, tuple(packets[:frames]), pcm.size)


def decode_stream(coded: Coded, lost: NDArray[np.bool_] | None = None, *, conceal: bool = True, fec: bool = False,
                  decoder: Decoder | None = None) -> Sound:  # fmt: skip
    """Return the signal as it is heard, aligned with what went in: int16 [samples].

    `lost` bool [packets]: those that never arrive; `conceal`: fill their place (else silence); `fec`: fill it from the
    packet after it where that one arrived; `decoder`: a fresh one, as in `encode_stream`. What cannot be decoded counts
    as lost. Raises UsageError for another length of `lost`.
    """
    count = len(coded.packets)
    gone = np.zeros(count, np.bool_) if lost is None else lost
    if gone.shape != (count,) or gone.dtype != np.bool_:
        raise UsageError(f"`lost` is {gone.dtype} {list(gone.shape)}", f"bool [{count}]")
    decoder, pieces = decoder or coded.codec.decoder(), []
    for k, packet in enumerate(coded.packets):
        following = coded.packets[k + 1] if fec and k + 1 < count and not gone[k + 1] else None
        pieces.append(_frame(decoder, None if gone[k] else packet, following, conceal, coded.codec.frame))
    heard = np.concatenate(pieces)[coded.codec.behind :][: coded.samples]
    return np.pad(heard, (0, coded.samples - heard.size))


def _frame(decoder: Any, packet: bytes | None, following: bytes | None, conceal: bool, frame: int) -> Sound:
    if packet is not None:
        try:
            return np.asarray(decoder.decode(packet))
        except CorruptPacket:
            pass  # as good as lost: its place is filled below
    return np.asarray(decoder.conceal(following)) if conceal else np.zeros(frame, np.int16)
