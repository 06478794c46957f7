"""Encoders and decoders of FFmpeg through PyAV: what the codecs without a kernel of their own share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from perflab.audio.codecs.codec import Codec, CorruptPacket, Sound, check_frame, check_packet
from perflab.audio.kernels.oracle.concealer import OneConcealer
from perflab.errors import UsageError

INSTALL = "Install the wheel: pip install av"
FULL_SCALE = 32768.0


class PyavEncoder:
    """One stream of `codec` by FFmpeg's encoder `name`; `sample_format` is what that encoder wants."""

    def __init__(self, codec: Codec, name: str, *, sample_format: str = "s16", bit_rate: int | None = None,
                 options: Mapping[str, str] | None = None) -> None:  # fmt: skip
        self.codec, self._format, self._sent = codec, sample_format, 0
        self._context, self._time_base = context(name, "w", codec.rate_hz), Fraction(1, codec.rate_hz)
        self._new_frame = _frame_maker()
        self._context.format, self._context.time_base = sample_format, self._time_base
        if bit_rate is not None:
            self._context.bit_rate = bit_rate
        self._context.options = dict(options or {})
        self._context.open()

    def encode(self, pcm: Sound) -> list[bytes]:
        """Return the packets that are ready after this frame; raises UsageError for another length or dtype."""
        samples: Any = check_frame(pcm, self.codec)[None]
        if self._format == "fltp":
            samples = (samples / FULL_SCALE).astype(np.float32)
        frame = self._new_frame(samples, format=self._format, layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = self.codec.rate_hz, self._time_base, self._sent
        self._sent += self.codec.frame
        return self._packets(frame)

    def flush(self) -> list[bytes]:
        """Return what is still held back; the encoder takes nothing after that."""
        return self._packets(None)

    def _packets(self, frame: Any) -> list[bytes]:
        return [bytes(packet) for packet in self._context.encode(frame) if packet.size]


class PyavDecoder:
    """One stream of `codec` by FFmpeg's decoder `name`; `rate_hz` is what that decoder gives."""

    def __init__(self, codec: Codec, name: str, *, rate_hz: int = 0, extradata: bytes | None = None) -> None:
        self.codec, self._rate_hz, self._concealer = (
            codec,
            rate_hz or codec.rate_hz,
            OneConcealer(codec.rate_hz, codec.frame),
        )
        self._context = context(name, "r", self._rate_hz)
        if extradata is not None:
            self._context.extradata = extradata

    def decode(self, packet: bytes) -> Sound:
        """Return the samples of a packet; raises CorruptPacket for what FFmpeg refuses, and for another rate."""
        return self._concealer.heard(self.received(packet))

    def received(self, packet: bytes) -> Sound:
        """Return the samples as they were decoded, not merged with a gap before them."""
        from av import Packet
        from av.error import FFmpegError

        raw, longest = check_packet(packet, self.codec.name), self.codec.frame * self._rate_hz // self.codec.rate_hz
        try:
            pieces = [
                mono(frame, self._rate_hz, longest, self.codec.name) for frame in self._context.decode(Packet(raw))
            ]
        except FFmpegError as error:
            raise CorruptPacket(f"A packet of {self.codec.name} with {len(raw)} bytes: {error.strerror}",
                                "a whole packet", "Conceal the frame") from None  # fmt: skip
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)

    def conceal(self, following: bytes | None = None) -> Sound:
        """Return a frame that goes on with the last pitch period."""
        return self._concealer.fill()


def context(name: str, mode: str, rate_hz: int) -> Any:
    """Return FFmpeg's mono codec context; raises UsageError when PyAV or the codec is missing from the build."""
    try:
        from av import CodecContext
        from av.error import FFmpegError
    except ImportError:
        raise UsageError(f"Codec {name} needs PyAV, which is not installed", "PyAV", INSTALL) from None
    create: Callable[[str, str], Any] = CodecContext.create  # type: ignore[assignment]
    try:
        made = create(name, mode)
    except (FFmpegError, ValueError):
        way = "encode" if mode == "w" else "decode"
        raise UsageError(f"This build of FFmpeg cannot {way} {name}", f"a build with {name}", INSTALL) from None
    made.sample_rate, made.layout, made.thread_count = rate_hz, "mono", 1
    return made


def _frame_maker() -> Any:
    from av import AudioFrame

    return AudioFrame.from_ndarray


def mono(frame: Any, rate_hz: int, longest: int, codec: str) -> Sound:
    """Return a decoded frame as int16; raises CorruptPacket for another rate, more channels, or more samples."""
    channels = frame.layout.nb_channels
    if (frame.sample_rate, channels) != (rate_hz, 1) or not 0 <= frame.samples <= longest:
        raise CorruptPacket(f"A packet of {codec} holds {frame.samples} x {channels} samples at {frame.sample_rate} Hz",
                            f"at most {longest} samples, one channel, {rate_hz} Hz", "Conceal the frame")  # fmt: skip
    samples = frame.to_ndarray().reshape(-1)
    if samples.dtype.kind == "f":
        samples = np.clip(np.rint(np.nan_to_num(samples) * FULL_SCALE), -32768, 32767)
    elif samples.dtype != np.int16:
        raise CorruptPacket(
            f"A packet of {codec} holds {frame.format.name} samples", "16-bit samples", "Conceal the frame"
        )
    return np.asarray(samples, dtype=np.int16)
