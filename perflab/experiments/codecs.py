"""Which codec, at which rate, at what cost: rate, quality, words, CPU and delay of each on the same speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from perflab.audio.codecs.bit_rate_policy import HEADER_BYTES
from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.opus_batch import PACKET_BYTES, OpusBatch
from perflab.audio.codecs.registry import codec_named
from perflab.audio.codecs.stream import decode_stream, encode_stream
from perflab.audio.kernels.warm_up import warm_up
from perflab.benches.audio.codecs_judged import RATE_HZ, Judged, Speech, Treatment, judge, load_speech
from perflab.benches.audio.material import frames
from perflab.experiments.study import Study
from perflab.findings.finding import TrustCheck

QUICK_S, FULL_S = 13.0, 180.0  # of speech
COMPLEXITIES = (0, 2, 5, 8, 10)
QUICK_COMPLEXITIES = (0, 5, 10)
SETTINGS: tuple[tuple[str, Settings], ...] = (
    ("pcm", Settings()), ("flac", Settings()), ("g711-mu", Settings()), ("g722", Settings()),
    ("aac", Settings(bit_rate=16_000)), ("aac", Settings(bit_rate=32_000)),
    *(("opus", Settings(rate, 5)) for rate in (8_000, 12_000, 24_000, 32_000)),
    *(("opus", Settings(16_000, complexity)) for complexity in COMPLEXITIES),
)  # fmt: skip
SIXTEEN = {"bit_rate": 16_000, "complexity": 5}
LIGHT = ("flac", "g711-mu", "g722")
CORRUPT = "samples of other sessions that a corrupt stream changes"
SESSIONS, HURT = 64, 3
HUMAN_LOSS, MACHINE_POINTS = 0.25, 1.0  # PESQ that listeners may lose to the best; points of word error above the least
STOI_OF_PESQ = 0.04  # STOI spans a twenty-fifth of what PESQ does here
TALK_MS = 150.0  # one way, from where on a conversation suffers (ITU-T G.114)


@dataclass(frozen=True)
class Front:
    """All codecs judged on the same speech, in the order of SETTINGS; `seed`: of every bootstrap over them."""

    judged: tuple[Judged, ...]
    speech: Speech
    seed: int

    @property
    def quality(self) -> str:
        """What the quality axis shows: PESQ, or STOI where PESQ is not installed."""
        return "PESQ (1 to 4.6)" if self.judged[0].pesq is not None else "STOI (0 to 1)"

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per codec for the figure."""
        return [{"label": label(j.treatment), "kbit_s": j.kbit_s, "quality": quality(j), "wrong": 100 * j.word_error,
                 "front": not any(_beats(other, j) for other in self.judged)} for j in self.judged]  # fmt: skip

    def table(self) -> list[dict[str, Any]]:
        """Return all that was measured, one row per codec."""
        return [
            {"codec": label(j.treatment), "kbit/s": round(j.kbit_s, 1), "encode (us)": round(j.encode_us, 1),
             "decode (us)": round(j.decode_us, 1), "delay (ms)": round(j.delay_ms, 1),
             "PESQ": None if j.pesq is None else round(j.pesq, 2), "STOI": round(j.stoi, 3),
             "words wrong (%)": round(100 * j.word_error, 1),
             "beaten in all five by": ", ".join(label(other.treatment) for other in beaten_by(j, self.judged))}
            for j in self.judged
        ]  # fmt: skip

    def of(self, codec: str, **settings: int) -> Judged:
        """Return the first that was judged with this codec and these settings."""
        return next(j for j in self.judged if j.treatment.codec == codec
                    and settings.items() <= j.treatment.settings.given.items())  # fmt: skip

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        return f"{self.of_opus} {self.of_aac}"

    @property
    def of_opus(self) -> str:
        """What Opus saves, and what it costs a recogniser in words."""
        pcm, twelve, sixteen = self.of("pcm"), self.of("opus", bit_rate=12_000), self.of("opus", **SIXTEEN)
        worse = max((one.worse_than(pcm, self.seed) for one in (twelve, sixteen)), key=lambda interval: interval.value)
        return (
            f"Opus at 12 and 16 kbit/s sends {pcm.kbit_s / twelve.kbit_s:.0f} and {pcm.kbit_s / sixteen.kbit_s:.0f} "
            f"times fewer bits than PCM ({wire_kbit_s(pcm) / wire_kbit_s(twelve):.1f} and "
            f"{wire_kbit_s(pcm) / wire_kbit_s(sixteen):.1f} times with the {HEADER_BYTES} bytes of IPv4, UDP and RTP "
            f"that each packet carries); words wrong change by at most {worse.value:+.1f} points (95 % interval "
            f"{worse.low:+.1f} to {worse.high:+.1f}, {self.speech.words} words, PCM {100 * pcm.word_error:.1f} %)."
        )

    @property
    def of_aac(self) -> str:
        """Where AAC has its place beside Opus."""
        aac, sixteen = self.of("aac", bit_rate=16_000), self.of("opus", **SIXTEEN)
        return (
            f"AAC at 16 kbit/s has {self.quality.split()[0]} {quality(aac):.2f} against Opus's {quality(sixteen):.2f} "
            f"and {aac.delay_ms:.0f} ms of delay against {sixteen.delay_ms:.1f}: {_place(aac, sixteen)}."
        )

    @property
    def of_light(self) -> str:
        """What the codecs that need no library of their own save, at what quality, delay and CPU."""
        pcm = self.of("pcm")
        told = (
            f"{j.treatment.codec} {pcm.kbit_s / j.kbit_s:.1f} times ({self.quality.split()[0]} {quality(j):.2f}, "
            f"{100 * j.word_error:.1f} % of words wrong, {j.delay_ms:.0f} ms of delay, "
            f"{j.encode_us + j.decode_us:.0f} us of CPU for 20 ms of sound{_rate_changes(j)})"
            for j in map(self.of, LIGHT)
        )  # fmt: skip
        return (
            f"Times fewer bits than PCM, headers left out ({quality(pcm):.2f}, {100 * pcm.word_error:.1f} %): "
            f"{'; '.join(told)}. Opus at 16 kbit/s: {pcm.kbit_s / self.of('opus', **SIXTEEN).kbit_s:.0f} times."
        )


def _rate_changes(judged: Judged) -> str:
    """Say that the way to a codec's own rate and back is in its CPU time, where there is one."""
    return "" if codec_named(judged.treatment.codec).rate_hz == RATE_HZ else ", both changes of rate counted"


def _place(aac: Judged, opus: Judged) -> str:
    """Say where AAC has its place beside Opus, by delay first: what is late for talking may still be stored."""
    if aac.delay_ms > TALK_MS >= opus.delay_ms:
        return f"more than the {TALK_MS:g} ms of a conversation, it is for storage"
    if aac.delay_ms >= opus.delay_ms and quality(aac) <= quality(opus):
        return "nothing speaks for it"
    return "each has its place"


def quality(judged: Judged) -> float:
    """Return PESQ, or STOI where PESQ is not installed."""
    return judged.stoi if judged.pesq is None else judged.pesq


def packets_per_s(judged: Judged) -> float:
    """Return how many packets a second of sound makes."""
    codec = codec_named(judged.treatment.codec)
    return codec.rate_hz / codec.frame


def packet_bytes(judged: Judged) -> float:
    """Return the mean size of a packet with its headers (IPv4, UDP and RTP)."""
    return 1e3 * judged.kbit_s / 8 / packets_per_s(judged) + HEADER_BYTES


def wire_kbit_s(judged: Judged) -> float:
    """Return what a line carries, headers counted."""
    return 8e-3 * packet_bytes(judged) * packets_per_s(judged)


def heard_difference(judged: Judged) -> float:
    """Return the difference in `quality` that listeners may not be asked to bear, on the scale that was measured."""
    return HUMAN_LOSS * (STOI_OF_PESQ if judged.pesq is None else 1.0)


def label(treatment: Treatment) -> str:
    """Return the codec with the settings that it was given."""
    given = treatment.settings
    rate = f" {given.bit_rate // 1_000}k" if given.bit_rate else ""
    return f"{treatment.codec}{rate}{'' if given.complexity is None else f' c{given.complexity}'}"


def _beats(one: Judged, other: Judged) -> bool:
    """Whether `one` has no more bits and no less quality, and is not equal in both."""
    no_worse = one.kbit_s <= other.kbit_s and quality(one) >= quality(other)
    return no_worse and (one.kbit_s < other.kbit_s or quality(one) > quality(other))


def beaten_by(one: Judged, all_of_them: Sequence[Judged]) -> list[Judged]:
    """Return those that beat `one`: behind it in none of bits, quality, CPU, delay and words, ahead of it in one.

    Who is beaten by none is on the front of five. Weakness: figures are taken as they were measured, and a microsecond
    of CPU or a single word, which may be chance, can put a codec on the front or take it off.
    """
    own = _five(one)
    return [other for other in all_of_them
            if (theirs := _five(other)) != own and all(a <= b for a, b in zip(theirs, own, strict=True))]  # fmt: skip


def _five(judged: Judged) -> tuple[float, ...]:
    """Return the five figures as prices: bits, quality (negative), CPU, delay, words wrong."""
    return (judged.kbit_s, -quality(judged), judged.encode_us + judged.decode_us, judged.delay_ms, judged.word_error)


def speech_of(study: Study) -> Speech:
    """Compile the kernels, and return the speech of this effort with its recogniser."""
    warm_up(lambda line: study.progress(line, 0, 1))
    return load_speech((QUICK_S if study.quick else FULL_S) * max(study.time_scale, 0.25))


def pareto(study: Study, speech: Speech) -> Front:
    """Judge every codec of SETTINGS on the same speech; at quick effort fewer complexities."""
    judged: list[Judged] = []
    asked = [(codec, settings) for codec, settings in SETTINGS
             if not study.quick or settings.complexity in (None, *QUICK_COMPLEXITIES)]  # fmt: skip
    for number, (codec, settings) in enumerate(asked, 1):
        judged.append(judge(Treatment(codec, settings), speech, seed=study.seed))
        study.progress("codecs", number, len(asked), label(judged[-1].treatment))
    return Front(tuple(judged), speech, study.seed)


def complexity_sentence(front: Front) -> str:
    """Say which complexity suffices for machines, which for people."""
    found = sorted((j for j in front.judged if (j.treatment.codec, j.treatment.settings.bit_rate) == ("opus", 16_000)),
                   key=lambda j: j.treatment.settings.complexity or 0)  # fmt: skip
    top, least = max(found, key=quality), min(j.word_error for j in found)
    people = next(j for j in found if quality(j) >= quality(top) - heard_difference(top))
    machine = next(j for j in found if 100 * (j.word_error - least) <= MACHINE_POINTS)
    told = f"complexity {machine.treatment.settings.complexity} {_for_machines(front, machine, found)}"
    return (
        f"For machine listeners {told} "
        f"({machine.encode_us:.0f} us per frame, {100 * machine.word_error:.1f} % of words wrong, the least being "
        f"{100 * least:.1f} %); for people {people.treatment.settings.complexity} ({people.encode_us:.0f} us, "
        f"{front.quality.split()[0]} {quality(people):.2f} of at most {quality(top):.2f}, which "
        f"{top.treatment.settings.complexity} buys for {top.encode_us:.0f} us)."
    )


def _for_machines(front: Front, chosen: Judged, found: Sequence[Judged]) -> str:
    """Say whether the words that were said can tell that the chosen one loses no more than MACHINE_POINTS."""
    rivals = [one for one in found if one is not chosen]
    if not rivals:
        return "is the only one judged"
    more = chosen.worse_than(min(rivals, key=lambda one: one.word_error), front.seed).high
    if more is not None and more <= MACHINE_POINTS:
        return "suffices"
    return f"may suffice: {front.speech.words} words leave up to {more:.1f} points more of wrong ones open"


def check_codecs() -> list[TrustCheck]:
    """Hold the codecs to what must be true of them before any figure counts."""
    sound = frames(SESSIONS, 320 * 8, 1)[0]
    return [
        _lossless(sound[0]),
        _as_pyav(sound[1]),
        _unharmed([np.ascontiguousarray(part) for part in np.split(sound, 8, axis=1)]),
    ]


def _lossless(sound: np.ndarray) -> TrustCheck:
    wrong = sum(int((decode_stream(encode_stream(codec, sound, 16_000)) != sound).sum())
                for codec in (codec_named("pcm"), codec_named("flac")))  # fmt: skip
    return TrustCheck(name="samples that the lossless codecs change", passed=wrong == 0, observed=str(wrong), limit="0")


def _as_pyav(sound: np.ndarray) -> TrustCheck:
    ours, plain = (encode_stream(codec_named(name), sound, 16_000, Settings(16_000, 5)).packets[:8]
                   for name in ("opus", "opus-pyav"))  # fmt: skip
    wrong = sum(one != other for one, other in zip(ours, plain, strict=True))
    return TrustCheck(name="packets of batched Opus that differ from PyAV's", passed=wrong == 0, observed=str(wrong),
                      limit="0")  # fmt: skip


def _unharmed(ticks: list[np.ndarray]) -> TrustCheck:
    """Decode 64 sessions twice, once with one session's packets corrupted, and count what changed in the others."""
    encoder, whole, hurt = (OpusBatch(SESSIONS) for _ in range(3))
    wrong, rng = 0, np.random.default_rng(1)
    for pcm in ticks:
        packets, sizes = np.zeros((SESSIONS, PACKET_BYTES), np.uint8), np.zeros(SESSIONS, np.int32)
        encoder.encode(pcm, packets, sizes)
        heard, other = np.zeros((2, SESSIONS, 320), np.int16)
        whole.decode(packets, sizes, heard)
        packets[HURT] = rng.integers(0, 256, PACKET_BYTES)
        hurt.decode(packets, sizes, other)
        wrong += int((np.delete(heard, HURT, axis=0) != np.delete(other, HURT, axis=0)).sum())
    return TrustCheck(name=CORRUPT, passed=wrong == 0, observed=str(wrong), limit="0")
