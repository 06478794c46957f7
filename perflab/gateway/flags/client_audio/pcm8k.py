"""PCM at 8 kHz both ways: a telephone."""

from __future__ import annotations

from perflab.gateway.flags.client_audio import offer
from perflab.wire.audio_format import AudioFormat


def build() -> tuple[AudioFormat, ...]:
    """Return the forms that are offered."""
    return offer("pcm8k")
