"""PCM at 48 kHz both ways: what a browser's microphone and loudspeaker run at."""

from __future__ import annotations

from perflab.gateway.flags.client_audio import offer
from perflab.wire.audio_format import AudioFormat


def build() -> tuple[AudioFormat, ...]:
    """Return the forms that are offered."""
    return offer("pcm48k")
