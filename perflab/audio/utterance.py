"""What a corpus is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SAMPLE_RATE = 16_000
WINDOW_SAMPLES = SAMPLE_RATE // 50  # 20 ms: one client frame, one window of the voice activity detection
# A window is voiced when the floor of its RMS is above this, in int16 units (-47 dBFS): above the hiss of the
# recordings, below quiet speech. The Live stand-in's detector uses the same value; a test holds them equal.
VOICED_RMS = 150


@dataclass(frozen=True, eq=False)
class Utterance:
    """One recording: `pcm` is int16 mono at 16 kHz; `text` is what is said, empty where not known."""

    name: str
    text: str
    pcm: np.ndarray

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / SAMPLE_RATE


@dataclass(frozen=True)
class Corpus:
    """Recordings, whether they are real speech, and where they come from."""

    utterances: tuple[Utterance, ...]
    real: bool
    source: str


@dataclass(frozen=True, eq=False)
class Phrase:
    """A piece of an utterance without a pause that would end a turn; a whole number of 20 ms windows."""

    name: str
    pcm: np.ndarray

    @property
    def frames(self) -> list[bytes]:
        """Its PCM as 640-byte frames."""
        raw = self.pcm.astype("<i2", copy=False).tobytes()
        size = 2 * WINDOW_SAMPLES
        return [raw[at : at + size] for at in range(0, len(raw), size)]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / SAMPLE_RATE
