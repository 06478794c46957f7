"""A codec judged on recorded speech: bits, CPU, quality and words, with and without loss; material, not a part."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.codecs.codec import Codec, Settings, Sound
from perflab.audio.codecs.registry import codec_named
from perflab.audio.codecs.stream import decode_stream, encode_stream
from perflab.audio.corpus import load_transcribed
from perflab.audio.kernels.gilbert import lost_packets
from perflab.audio.kernels.resampler import Resampler
from perflab.audio.quality.pesq import pesq, pesq_missing
from perflab.audio.quality.stoi import stoi
from perflab.audio.quality.word_error import WordErrors, total, words_of
from perflab.audio.utterance import Utterance
from perflab.errors import UsageError
from perflab.stats.interval import Interval

RATE_HZ, RESAMPLES = 16_000, 2_000
LONGEST_PACKETS = 1_000
RULE_OF_THREE = 3.0  # events that 95 % of samples would have shown, had they that chance


@dataclass(frozen=True)
class Speech:
    """Recordings with their texts, and the recogniser that knows all texts of the corpus."""

    utterances: tuple[Utterance, ...]
    recogniser: Any
    source: str

    @property
    def words(self) -> int:
        """Words that are said, as the word error counts them: digit by digit, without marks."""
        return sum(len(words_of(one.text)) for one in self.utterances)

    @property
    def seconds(self) -> float:
        """Their length together."""
        return sum(one.seconds for one in self.utterances)


@dataclass(frozen=True)
class Treatment:
    """What is done to the speech: a codec with settings, and a link that loses `loss` of the packets in bursts."""

    codec: str
    settings: Settings = field(default_factory=Settings)
    loss: float = 0.0
    burst: float = 0.0
    conceal: bool = True
    fec: bool = False


@dataclass(frozen=True)
class Judged:
    """Means over the speech; CPU per 20 ms of sound in us; `pesq` None where it is not installed."""

    treatment: Treatment
    kbit_s: float
    encode_us: float
    decode_us: float
    delay_ms: float
    pesq: float | None
    stoi: float
    errors: tuple[WordErrors, ...]  # by utterance

    @property
    def word_error(self) -> float:
        """Words wrong per word said, closed vocabulary."""
        return total(self.errors).rate

    def worse_than(self, other: Judged, seed: int = 7) -> Interval:
        """Return by how many points of word error this is worse, with a 95 % bootstrap interval over utterances.

        Where no utterance differs the bootstrap knows nothing: the bound is then that of Hanley and Lippman-Hand
        (1983), three words of those said, somewhat too narrow because words of one utterance are not independent.
        """
        ours, theirs, said = (np.array([getattr(e, name) for e in errors]) for errors, name in
                              ((self.errors, "wrong"), (other.errors, "wrong"), (self.errors, "words")))  # fmt: skip
        if np.array_equal(ours, theirs):
            bound = 100 * RULE_OF_THREE / float(said.sum())
            return Interval(0.0, -bound, bound, 0.95, said.size, "no word differs: rule of three")
        drawn = np.random.default_rng(seed).integers(said.size, size=(RESAMPLES, said.size))
        points = 100 * (ours - theirs)[drawn].sum(axis=1) / said[drawn].sum(axis=1)
        low, high = (float(bound) for bound in np.quantile(points, (0.025, 0.975)))
        value = 100 * float((ours - theirs).sum() / said.sum())
        return Interval(value, low, high, 0.95, said.size, f"bootstrap over utterances, {RESAMPLES} resamples")


def load_speech(seconds: float) -> Speech:
    """Return about `seconds` of transcribed speech, spread over the corpus, and a recogniser of all of its texts.

    Raises UsageError where no recording can be had: the synthetic fallback has no words.
    """
    from perflab.audio.quality.recogniser import ClosedVocabulary, speakable

    corpus = load_transcribed()
    known = [one for one in corpus.utterances if speakable(one.text)]
    if not known:
        raise UsageError(f"No speech with texts ({corpus.source})", "recordings", "Go online once: they are cached")
    whole = sum(one.seconds for one in known)
    count = max(1, min(len(known), round(len(known) * seconds / whole)))
    chosen = tuple(known[k] for k in np.linspace(0, len(known) - 1, count).round().astype(int))
    return Speech(chosen, ClosedVocabulary(one.text for one in known), corpus.source)


def judge(
    treatment: Treatment, speech: Speech, *, quality: bool = True, seed: int = 7, lost: NDArray[np.bool_] | None = None
) -> Judged:
    """Send all of the speech through the treatment and judge what is heard.

    `quality` False leaves PESQ and STOI out (they are NaN), which is most of the time that is not the recogniser's.
    `lost` bool [utterances, packets]: what is missing, instead of what the treatment's loss draws.
    """
    codec, heard, spent = codec_named(treatment.codec), [], np.zeros((len(speech.utterances), 3))
    _warm_up(codec, treatment, np.asarray(speech.utterances[0].pcm))
    chance = (treatment.loss, treatment.burst or 1 / (1 - treatment.loss))
    drawn = lost if lost is not None else lost_packets(len(speech.utterances), LONGEST_PACKETS, *chance, seed=seed)
    for k, one in enumerate(speech.utterances):
        sound, spent[k] = through(codec, treatment, np.asarray(one.pcm), drawn[k])
        heard.append(sound)
    kbit_s, encode_us, decode_us = (spent * _weights(speech)[:, None]).sum(axis=0)
    both = zip((np.asarray(one.pcm) for one in speech.utterances), heard, strict=True)
    pairs = list(both) if quality else []
    scores = [pesq(*pair) for pair in pairs] if pesq_missing() is None else []
    errors = tuple(speech.recogniser.errors([one.text], [sound])
                   for one, sound in zip(speech.utterances, heard, strict=True))  # fmt: skip
    delay_ms = codec.delay_ms + sum(kernel.delay_ms for kernel in _rates(codec.rate_hz))
    return Judged(treatment, float(kbit_s), float(encode_us), float(decode_us), delay_ms,
                  float(np.mean(scores)) if scores else None,
                  float(np.mean([stoi(*pair) for pair in pairs])) if pairs else float("nan"), errors)  # fmt: skip


def _warm_up(codec: Codec, treatment: Treatment, pcm: Sound) -> None:
    """Send a fifth of a second through the codec, half of it lost: what is imported, loaded and designed at its first
    use in a process is no cost of a frame.
    """  # fmt: skip
    through(codec, treatment, pcm[: RATE_HZ // 5], np.arange(LONGEST_PACKETS) % 2 == 1)


def _weights(speech: Speech) -> NDArray[np.float64]:
    return np.array([one.seconds for one in speech.utterances]) / speech.seconds


def through(codec: Codec, treatment: Treatment, pcm: Sound, lost: NDArray[np.bool_]) -> tuple[Sound, tuple[float, ...]]:
    """Return what is heard, aligned with `pcm` at 16 kHz, and kbit/s, us of encoding and of decoding per 20 ms.

    A codec at 8 kHz gets its sound through the compiled resampler, both ways, whose time is counted as the codec's; the
    design of its filters is not, nor is making encoder and decoder, which a session does once.
    """
    ways, encoder, decoder = _rates(codec.rate_hz), codec.encoder(treatment.settings), codec.decoder()
    sent, times = pcm, [time.thread_time()]
    if ways:
        sent = _resampled(ways[0], pcm)
    coded = encode_stream(codec, sent, codec.rate_hz, encoder=encoder)
    times.append(time.thread_time())
    missing = lost[: len(coded.packets)].copy()
    heard = decode_stream(coded, missing, conceal=treatment.conceal, fec=treatment.fec, decoder=decoder)
    if ways:
        late = round(sum(way.delay_ms for way in ways) * RATE_HZ / 1e3)
        heard = _resampled(ways[1], np.pad(heard, (0, late)))[late:][: pcm.size]
    times.append(time.thread_time())
    frames = pcm.size / RATE_HZ * 50
    return heard, (coded.kbit_s, *(1e6 * float(taken) / frames for taken in np.diff(times)))


@lru_cache(maxsize=4)
def _rates(rate_hz: int) -> tuple[Resampler, ...]:
    return () if rate_hz == RATE_HZ else (Resampler(RATE_HZ, rate_hz, 1), Resampler(rate_hz, RATE_HZ, 1))


def _resampled(kernel: Resampler, pcm: Sound) -> Sound:
    """Return the whole signal at the other rate, filled up to whole frames."""
    kernel.reset()
    frames = np.pad(pcm, (0, -pcm.size % kernel.frame_in)).reshape(-1, 1, kernel.frame_in)
    return np.concatenate([kernel.process(frame, np.zeros((1, kernel.frame_out), np.int16))[0] for frame in frames])
