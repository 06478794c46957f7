"""Sound files from strangers: read whole or refused in one line, never more than was allowed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from perflab.audio.codecs.codec import Sound
from perflab.audio.codecs.pyav import INSTALL
from perflab.errors import UsageError

MOST_BYTES, MOST_SECONDS = 16 << 20, 600.0
RATE_HZ = 16_000
LEAST_HZ, MOST_HZ, MOST_CHANNELS = 4_000, 192_000, 8
# what a file of that kind begins with, where, and FFmpeg's name of the reader; no other reader is ever tried
KINDS = ((b"RIFF", 0, "wav"), (b"OggS", 0, "ogg"), (b"fLaC", 0, "flac"), (b"ftyp", 4, "mp4"),
         (b"\xff\xf1", 0, "aac"), (b"\xff\xf9", 0, "aac"))  # fmt: skip
_PCM = ("pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_mulaw", "pcm_alaw")
CODECS_READ = frozenset({*_PCM, "g722", "opus", "libopus", "vorbis", "flac", "aac", "mp3", "mp3float"})


def read_sound(raw: bytes, most_seconds: float = MOST_SECONDS) -> Sound:
    """Return the first audio stream of a WAV, Ogg, FLAC, MP4 or ADTS file as int16 mono at 16 kHz.

    Channels are mixed down, other rates resampled by FFmpeg. A file that is cut gives what is whole in it where its
    kind can tell. Raises UsageError for a file that is none of these, is damaged, holds no audio, another codec, or
    more than `most_seconds`; reading stops there, so that a small file that unpacks to hours costs no more than that.
    """
    if not 0 < len(raw) <= MOST_BYTES:
        raise UsageError(f"A sound file of {len(raw):,} bytes", f"1 to {MOST_BYTES:,} bytes")
    kind = next((name for start, at, name in KINDS if raw[at : at + len(start)] == start), None)
    if kind is None:
        raise UsageError("This file is no WAV, Ogg, FLAC, MP4 or ADTS", "one of these", "Convert it first")
    try:
        import av
        from av.error import FFmpegError
    except ImportError:
        raise UsageError("Reading sound files needs PyAV, which is not installed", "PyAV", INSTALL) from None
    try:
        with av.open(io.BytesIO(raw), format=kind, metadata_errors="ignore") as opened:
            pieces = _pieces(av, opened, kind, most_seconds)
    except (FFmpegError, ValueError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"This {kind} file cannot be read: {said}", "a whole file", "Send it again") from None
    if not pieces:
        raise UsageError(f"This {kind} file holds no sound", "at least one frame")
    return np.concatenate(pieces)


def _pieces(av: Any, opened: Any, kind: str, most_seconds: float) -> list[Sound]:
    """Decode, mix down and resample the first audio stream."""
    if not opened.streams.audio:
        raise UsageError(f"This {kind} file holds no audio stream", "one")
    stream = opened.streams.audio[0]
    held = stream.codec_context.name if stream.codec_context else "a codec that is not in this build"
    if held not in CODECS_READ:
        raise UsageError(f"This {kind} file holds {held}", f"one of {', '.join(sorted(CODECS_READ))}")
    stream.codec_context.thread_count = 1
    resampler, pieces, samples = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ), [], 0
    for frame in opened.decode(stream):
        if not LEAST_HZ <= frame.sample_rate <= MOST_HZ or frame.layout.nb_channels > MOST_CHANNELS:
            raise UsageError(f"This {kind} file has {frame.layout.nb_channels} channels at {frame.sample_rate} Hz",
                             f"at most {MOST_CHANNELS} channels, {LEAST_HZ:,} to {MOST_HZ:,} Hz")  # fmt: skip
        frame.pts = None  # the file's own times could ask for hours of silence
        pieces += [made.to_ndarray().reshape(-1) for made in resampler.resample(frame)]
        samples += frame.samples * RATE_HZ // frame.sample_rate
        if samples > most_seconds * RATE_HZ:
            raise UsageError(f"This {kind} file is longer than {most_seconds:g} s", f"at most {most_seconds:g} s",
                             "Cut it")  # fmt: skip
    return pieces + [made.to_ndarray().reshape(-1) for made in resampler.resample(None)] if samples else []
