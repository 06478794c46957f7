"""What one frame of 20 ms goes through, as an interface: the same work per frame in Python, per frame compiled."""

from __future__ import annotations

from typing import Protocol

import msgspec

from perflab.wire.audio_format import FRAME_MS, LIVE_DOWN_HZ, LIVE_UP_HZ

UP_SAMPLES, DOWN_SAMPLES = LIVE_UP_HZ * FRAME_MS // 1000, LIVE_DOWN_HZ * FRAME_MS // 1000
DOWN_BYTES = 2 * DOWN_SAMPLES  # of a frame at Live's rate
SPEECH_RMS = 100.0  # int16 units, -50 dBFS: a frame louder than this is voiced; below Live's own threshold, on purpose


class Measured(msgspec.Struct, gc=False):
    """A frame at Live's rate and what was found in it; `rms` and `peak` in units of int16."""

    pcm: bytes
    rms: float = 0.0
    peak: float = 0.0
    voiced: bool = False


class FrameStages(Protocol):
    """The stages of one session, frame by frame; frames have their right length."""

    @property
    def refused(self) -> int:
        """Packets that could not be decoded and were concealed."""

    def up(self, payload: bytes) -> Measured:
        """Take a client's frame to Live's rate and measure it."""

    def down(self, pcm: bytes) -> bytes:
        """Take DOWN_BYTES of Live's audio to the client's form."""

    def hush(self) -> None:
        """The reply was cut off: forget its tail."""
