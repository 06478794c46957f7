"""Opus both ways at 16 kbit/s: a sixteenth of PCM's bytes, for libopus's CPU on the way down."""

from __future__ import annotations

from perflab.gateway.flags.client_audio import offer
from perflab.wire.audio_format import AudioFormat


def build() -> tuple[AudioFormat, ...]:
    """Return the forms that are offered."""
    return offer("opus")
