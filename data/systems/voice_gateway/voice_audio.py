"""The form of a client's audio: recordings become what its microphone would have sent, before the load begins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perflab.wire.audio_format import DEFAULT, FORMATS, FRAME_MS, AudioFormat

RECORDED_HZ = 16_000
FRAME_BYTES = 2 * RECORDED_HZ * FRAME_MS // 1000


@dataclass(frozen=True)
class Microphone:
    """What a client with this form of audio sends for a recording, and while nobody speaks."""

    form: AudioFormat = DEFAULT

    @property
    def silence(self) -> bytes:
        """One frame of silence; of Opus, the packet that a long silence settles at."""
        if self.form.codec == "opus":
            return _opus([bytes(FRAME_BYTES)] * 25)[-1]
        return bytes(self.form.frame_up_bytes)

    def frames(self, recorded: list[bytes]) -> list[bytes]:
        """Return 640-byte frames at 16 kHz as frames of this form, made from the recording as a whole."""
        if self.form.codec == "opus":
            return _opus(recorded)
        if self.form.rate_up == RECORDED_HZ:
            return recorded
        from scipy.signal import resample_poly

        pcm = np.frombuffer(b"".join(recorded), "<i2").astype(float)
        heard = resample_poly(pcm, self.form.rate_up // 8000, RECORDED_HZ // 8000)
        raw = np.clip(np.rint(heard), -32768, 32767).astype("<i2").tobytes()
        size = self.form.frame_up_bytes
        return [raw[at : at + size] for at in range(0, len(recorded) * size, size)]


def _opus(frames: list[bytes]) -> list[bytes]:
    """Return a packet for each frame; each recording has an encoder of its own, as if the microphone went on there."""
    from perflab.audio.codecs.opus import CODEC

    encoder = CODEC.encoder()
    return [packet for frame in frames for packet in encoder.encode(np.frombuffer(frame, np.int16))]


def microphone(name: str) -> Microphone:
    """Return the microphone for a value of the flag `client_audio`; raises ValueError listing those that exist."""
    if name not in FORMATS:
        raise ValueError(f"client_audio = {name!r}: must be one of {', '.join(FORMATS)}")
    return Microphone(FORMATS[name])
