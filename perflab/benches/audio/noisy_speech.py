"""Recorded speech under noise, and what a treatment of it leaves to listeners and recognisers; material, not a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.pcm import Pcm
from perflab.audio.noise.babble import babble
from perflab.audio.noise.kinds import KINDS
from perflab.audio.noise.mixing import mixed
from perflab.audio.quality.pesq import pesq, pesq_missing
from perflab.audio.quality.recogniser import ClosedVocabulary
from perflab.audio.quality.stoi import stoi
from perflab.audio.quality.word_error import WordErrors, total, word_errors
from perflab.audio.utterance import SAMPLE_RATE, Utterance
from perflab.stats.interval import Interval

LEAD_IN, SPARE, FRAME = SAMPLE_RATE // 2, 640, 320  # noise alone before speech; samples after it, for delays
RESAMPLES, CONFIDENCE = 2_000, 0.95
Treat = Callable[[Pcm], Pcm]


@dataclass(frozen=True)
class Noisy:
    """Utterances under one noise: `pcm` int16 [utterances, n], all begun together, silence where one has ended."""

    utterances: Sequence[Utterance]
    pcm: Pcm


@dataclass(frozen=True)
class Heard:
    """What was left, by utterance: PESQ (NaN where it cannot be had), STOI, word errors."""

    pesq: NDArray[np.float64]
    stoi: NDArray[np.float64]
    words: tuple[WordErrors, ...]

    @property
    def word_error(self) -> float:
        """Words wrong per word said, closed vocabulary."""
        return total(self.words).rate

    def better_heard_than(self, other: Heard, seed: int = 7) -> Interval:
        """Return by how much the mean PESQ is higher, over utterances."""
        return _bootstrapped(self.pesq - other.pesq, np.ones(self.pesq.size), seed)

    def worse_understood_than(self, other: Heard, seed: int = 7) -> Interval:
        """Return by how much the word error rate is higher, over utterances."""
        wrong = np.array([a.wrong - b.wrong for a, b in zip(self.words, other.words, strict=True)], dtype=float)
        return _bootstrapped(wrong, np.array([a.words for a in self.words], dtype=float), seed)


def _bootstrapped(above: NDArray[np.float64], below: NDArray[np.float64], seed: int) -> Interval:
    """Return the ratio of the sums, resampled over utterances."""
    drawn = np.random.default_rng(seed).integers(above.size, size=(RESAMPLES, above.size))
    ratios = above[drawn].sum(axis=1) / below[drawn].sum(axis=1)
    low, high = (float(x) for x in np.quantile(ratios, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)))
    return Interval(float(above.sum() / below.sum()), low, high, CONFIDENCE, above.size, "bootstrap over utterances")


def under_noise(utterances: Sequence[Utterance], kind: str, snr_db: float, seed: int) -> Noisy:
    """Return the utterances after 0.5 s of noise and under it; `kind`: of KINDS, or babble of the other voices."""
    longest = max(one.pcm.size for one in utterances)
    pcm = np.zeros((len(utterances), -(-(LEAD_IN + longest + SPARE) // FRAME) * FRAME), np.int16)
    for k, one in enumerate(utterances):
        speech = np.concatenate((one.pcm, np.zeros(SPARE, np.int16)))
        length = LEAD_IN + speech.size
        if kind == "babble":
            noise = babble([other.pcm for other in utterances if other is not one], length, seed + k)
        else:
            noise = KINDS[kind](length, SAMPLE_RATE, seed + k)
        pcm[k, :length] = mixed(speech, noise, snr_db, LEAD_IN)
    return Noisy(utterances, pcm)


def judged(noisy: Noisy, treat: Treat, delay: int, recogniser: ClosedVocabulary) -> Heard:
    """Treat the noisy speech and judge what is heard; `delay`: of the treatment, in samples."""
    out = treat(noisy.pcm)
    opinions, clear, words = [], [], []
    for one, row in zip(noisy.utterances, out, strict=True):
        start = LEAD_IN + delay
        left = np.ascontiguousarray(row[start : start + one.pcm.size])
        opinions.append(float("nan") if pesq_missing() else pesq(one.pcm, left))
        clear.append(stoi(one.pcm, left))
        words.append(word_errors(one.text, recogniser.hear(np.ascontiguousarray(row[: start + one.pcm.size + 160]))))
    return Heard(np.array(opinions), np.array(clear), tuple(words))
