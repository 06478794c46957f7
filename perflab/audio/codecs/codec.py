"""What every codec is: a description, and the makers of its encoder and decoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from perflab.errors import UsageError

Sound = NDArray[np.int16]  # mono, one dimension
RANGES: dict[str, tuple[int, int]] = {"bit_rate": (6_000, 510_000), "complexity": (0, 10), "loss_percent": (0, 100)}
MOST_PACKET_BYTES = 1 << 16  # bounds what a hostile length can make a decoder read


class CorruptPacket(UsageError):
    """A packet cannot be decoded; the decoder is as usable as before: call `conceal` and go on."""


@dataclass(frozen=True)
class Settings:
    """What an encoder may be asked for; None leaves it to the codec.

    `bit_rate` in bit/s; `complexity` 0 to 10; `dtx`: send next to nothing in silence; `fec`: carry a coarse copy of
    the frame before; `loss_percent`: the loss that FEC is to be spent for.
    """

    bit_rate: int | None = None
    complexity: int | None = None
    dtx: bool | None = None
    fec: bool | None = None
    loss_percent: int | None = None

    @property
    def given(self) -> dict[str, int | bool]:
        """The settings that are not left to the codec."""
        return {name: value for name, value in vars(self).items() if value is not None}


class Encoder(Protocol):
    """Takes one frame after another."""

    def encode(self, pcm: Sound) -> list[bytes]:
        """Return the packets that are ready after this frame; raises UsageError for another length or dtype."""
        ...

    def flush(self) -> list[bytes]:
        """Return what is still held back; the encoder takes nothing after that."""
        ...


class Decoder(Protocol):
    """Takes one packet after another, in order; what is lost is concealed in its place."""

    def decode(self, packet: bytes) -> Sound:
        """Return the samples of a packet; raises CorruptPacket."""
        ...

    def conceal(self, following: bytes | None = None) -> Sound:
        """Return one frame in the place of a lost packet; `following`: the packet after it, which may carry FEC."""
        ...


@dataclass(frozen=True)
class Codec:
    """One codec as it is used here.

    `frame`: samples per packet at `rate_hz`; `behind`: samples by which decoded sound lags what went in; `held`: frames
    that the encoder waits for before it gives a packet; `takes`: the settings that it understands; `lossless`: decoded
    samples equal those that went in.
    """

    name: str
    title: str
    rate_hz: int
    frame: int
    behind: int
    takes: frozenset[str]
    make_encoder: Callable[[Settings], Encoder]
    make_decoder: Callable[[], Decoder]
    lossless: bool = False
    held: int = 0

    @property
    def delay_ms(self) -> float:
        """Algorithmic delay in ms: a whole frame must be there before its first sample is sent, then the lag."""
        return 1e3 * (self.frame * (1 + self.held) + self.behind) / self.rate_hz

    def encoder(self, settings: Settings | None = None) -> Encoder:
        """Return an encoder; raises UsageError for settings out of range or that this codec does not have."""
        return self.make_encoder(check_settings(self, settings or Settings()))

    def decoder(self) -> Decoder:
        """Return a decoder; raises UsageError when the codec is missing from the build."""
        return self.make_decoder()


def check_settings(codec: Codec, settings: Settings) -> Settings:
    """Return the settings; raises UsageError for one that is out of range or that the codec does not have."""
    for name in settings.given:
        if name not in codec.takes:
            raise UsageError(f"{codec.name} has no setting `{name}`",
                             f"it takes {', '.join(sorted(codec.takes)) or 'none'}")  # fmt: skip
    return check_ranges(settings)


def check_ranges(settings: Settings) -> Settings:
    """Return the settings; raises UsageError for one that is out of its range."""
    for name, value in settings.given.items():
        low, high = RANGES.get(name, (0, 1))
        if isinstance(value, float) or not low <= value <= high:
            raise UsageError(f"`{name}` is {value}", f"a whole number from {low:,} to {high:,}")
    return settings


def check_frame(pcm: Any, codec: Codec) -> Sound:
    """Return the frame; raises UsageError unless it is int16 with exactly `codec.frame` samples."""
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.shape != (codec.frame,):
        given = f"{pcm.dtype} {list(pcm.shape)}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise UsageError(f"A frame of {codec.name} is {given}",
                         f"int16 [{codec.frame}], mono at {codec.rate_hz:,} Hz",
                         "Resample, mix down or split it")  # fmt: skip
    return np.ascontiguousarray(pcm)


def check_packet(packet: Any, codec: str) -> bytes:
    """Return the packet; raises CorruptPacket for what is no bytes, empty, or longer than any packet is."""
    if not isinstance(packet, bytes | bytearray | memoryview):
        raise CorruptPacket(f"A packet of {codec} is {type(packet).__name__}", "bytes")
    if not 0 < len(packet) <= MOST_PACKET_BYTES:
        raise CorruptPacket(f"A packet of {codec} has {len(packet):,} bytes", f"1 to {MOST_PACKET_BYTES:,} bytes",
                            "Conceal the frame")  # fmt: skip
    return bytes(packet)
