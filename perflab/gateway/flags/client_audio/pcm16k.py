"""PCM at 16 kHz up and 24 kHz down: Live's own rates, so that nothing is converted."""

from __future__ import annotations

from perflab.gateway.flags.client_audio import offer
from perflab.wire.audio_format import AudioFormat


def build() -> tuple[AudioFormat, ...]:
    """Return the forms that are offered."""
    return offer("pcm16k")
