"""The reply's voice: speech-like 24 kHz signals, made once and cut into ready messages.

A reply is one signal of the pool, chosen by the turn's digest, with the digest stamped into its first 32 bytes:
whoever receives the reply can see which PCM the service had heard.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

REPLY_RATE = 24_000
CHUNK_MS = 40
CHUNK_BYTES = REPLY_RATE * CHUNK_MS // 1000 * 2
POOL_CHUNKS = (20, 22, 24, 26, 28, 30, 32, 35)  # 0.8 to 1.4 s
_FORMANTS = ((730.0, 1090.0, 2440.0), (270.0, 2290.0, 3010.0), (300.0, 870.0, 2240.0), (530.0, 1840.0, 2480.0))
_AUDIO_HEAD = (
    b'{"serverContent":{"modelTurn":{"role":"model","parts":[{"inlineData":{"mimeType":"audio/pcm;rate=24000","data":"'
)
_AUDIO_TAIL = b'"}}]}}}'


def audio_message(pcm: bytes) -> bytes:
    """Return the server message that carries this PCM (int16 mono 24 kHz)."""
    return _AUDIO_HEAD + base64.b64encode(pcm) + _AUDIO_TAIL


def synthesise(chunks: int, variant: int) -> bytes:
    """Return `chunks` * 40 ms of int16 mono 24 kHz: harmonics under moving formants, 4 syllables/s.

    Speech-like in band, level and envelope, so that codecs and level meters see what they see with speech; not words.
    """
    t = np.arange(chunks * CHUNK_BYTES // 2) / REPLY_RATE
    pitch = 110.0 + 15.0 * variant
    phase = 2.0 * np.pi * np.cumsum(pitch * (1.0 + 0.08 * np.sin(2.0 * np.pi * 1.3 * t + variant))) / REPLY_RATE
    syllable = np.floor(4.0 * t).astype(np.int64)
    formants = np.asarray(_FORMANTS)[(syllable + variant) % len(_FORMANTS)]
    signal = np.zeros_like(t)
    for harmonic in range(1, 30):
        distance = (harmonic * pitch - formants) / 120.0
        signal += (1.0 / (1.0 + distance**2)).sum(axis=1) / np.sqrt(harmonic) * np.sin(harmonic * phase)
    signal *= 0.15 + 0.85 * np.sin(np.pi * ((4.0 * t) % 1.0)) ** 2
    pcm: bytes = (signal / np.abs(signal).max() * 12_000).astype("<i2").tobytes()
    return pcm


@dataclass(frozen=True, slots=True)
class Utterance:
    """One signal of the pool and its ready-made messages, one per 40 ms chunk."""

    pcm: bytes
    messages: tuple[bytes, ...]


class VoicePool:
    """The signals that replies are chosen from; 8 signals, 0.4 MB of PCM and 0.6 MB of messages."""

    def __init__(self) -> None:
        signals = [synthesise(chunks, index) for index, chunks in enumerate(POOL_CHUNKS)]
        self.utterances = tuple(Utterance(pcm, _cut(pcm)) for pcm in signals)

    def choose(self, digest: bytes) -> Utterance:
        """Return the signal that this digest chooses."""
        return self.utterances[digest[0] % len(self.utterances)]


def _cut(pcm: bytes) -> tuple[bytes, ...]:
    return tuple(audio_message(pcm[start : start + CHUNK_BYTES]) for start in range(0, len(pcm), CHUNK_BYTES))


def stamped_pcm(utterance: Utterance, digest: bytes) -> bytes:
    """Return the reply's PCM: the signal with the digest as its first bytes."""
    return digest + utterance.pcm[len(digest) :]


def stamped_message(utterance: Utterance, digest: bytes) -> bytes:
    """Return the reply's first message, which carries the digest; the others are `utterance.messages[1:]`."""
    return audio_message(digest + utterance.pcm[len(digest) : CHUNK_BYTES])


_SENTENCES = (
    "I have written the function and added two tests.",
    "Here is the code; it handles the empty case as well.",
    "That works with one loop and a dictionary.",
    "I would split this into a reader and a writer.",
    "The query needs an index on the session column.",
    "Done. The handler now answers within its deadline.",
    "I kept the interface and replaced what is behind it.",
    "This version streams its result instead of buffering it.",
)


def reply_text(digest: bytes) -> str:
    """Return the reply's transcript: a sentence chosen by the digest, and the first 16 hex digits of the digest."""
    return f"{_SENTENCES[digest[1] % len(_SENTENCES)]} Reference {digest.hex()[:16]}."
