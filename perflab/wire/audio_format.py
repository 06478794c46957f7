"""The forms in which a client's audio may travel, by name: what gateway and voice load agree upon in `start`.

A client that names none speaks the first: PCM at 16 kHz up, 24 kHz down. A frame is 20 ms in every form.
"""

from __future__ import annotations

from typing import Any

import msgspec

FRAME_MS = 20
MOST_PACKET_BYTES = 1_275  # of one frame of Opus (RFC 6716, 3.4)
LIVE_UP_HZ, LIVE_DOWN_HZ = 16_000, 24_000  # what Gemini Live hears and says, int16 mono


class AudioFormat(msgspec.Struct, frozen=True):
    """Codec and rates in Hz of both ways; PCM is int16 mono, little endian."""

    codec: str
    rate_up: int
    rate_down: int

    @property
    def frame_up_bytes(self) -> int:
        """The bytes of one PCM frame from the client; of Opus, the most that a packet may have."""
        if self.codec == "opus":
            return MOST_PACKET_BYTES
        return 2 * self.rate_up * FRAME_MS // 1000

    def asked(self) -> dict[str, Any]:
        """Return what a client puts under "audio" in its start message to ask for this form."""
        return {"codec": self.codec, "rate": self.rate_up}


DEFAULT = AudioFormat("pcm", LIVE_UP_HZ, LIVE_DOWN_HZ)
FORMATS: dict[str, AudioFormat] = {
    "pcm16k": DEFAULT,
    "pcm8k": AudioFormat("pcm", 8_000, 8_000),
    "pcm48k": AudioFormat("pcm", 48_000, 48_000),
    "opus": AudioFormat("opus", 16_000, 16_000),  # packets of one frame, speech at 16 kHz both ways
}
