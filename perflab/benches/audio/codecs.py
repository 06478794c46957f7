"""Bar 12, second half: the bits that Opus saves, and the words that it and a bad link cost."""

from __future__ import annotations

from typing import Any

from perflab.audio.codecs.codec import Settings
from perflab.audio.codecs.libopus import libopus
from perflab.audio.quality.recogniser import NAME
from perflab.benches.audio.codecs_judged import Judged, Treatment, judge, load_speech
from perflab.benches.audio.contest import circumstances
from perflab.benches.bar import Bar, measured
from perflab.benches.parts import Say
from perflab.errors import UsageError

ORDER = 65
SECONDS = 300.0  # of speech: about 800 words, so that chance is below 1.5 points
RATES, COMPLEXITY, LOSS = (12_000, 16_000), 5, 0.2
FEWEST_BITS, MOST_POINTS, MOST_LOST_POINTS = 16, 1, 3


def bars(say: Say) -> list[Bar]:
    """Measure bits and words at 12 and 16 kbit/s without loss, then words at 20 % loss, concealed and not."""
    try:
        speech = load_speech(SECONDS)
    except UsageError as error:
        return [Bar("opus-wer", f"word error of Opus ({error})", None, "<=", MOST_POINTS, "points")]
    say(f"  {len(speech.utterances)} recordings, {speech.seconds:.0f} s, {speech.words} words; {speech.source}")
    detail = {"instrument": NAME, "words": speech.words, "source": speech.source, "libopus": libopus().version,
              **circumstances()}  # fmt: skip
    raw = judge(Treatment("pcm"), speech, quality=False)
    say(f"  PCM: {100 * raw.word_error:.2f} % of words wrong")
    found = []
    for rate in RATES:
        coded = judge(Treatment("opus", Settings(rate, COMPLEXITY)), speech, quality=False)
        found += _without_loss(rate // 1_000, coded, raw, detail)
    settings = Settings(RATES[-1], COMPLEXITY)
    silent = judge(Treatment("opus", settings, LOSS, conceal=False), speech, quality=False)
    concealed = judge(Treatment("opus", settings, LOSS), speech, quality=False)
    return [*found, _with_loss(concealed, silent, raw, detail)]


def _without_loss(kbit: int, coded: Judged, raw: Judged, detail: dict[str, Any]) -> list[Bar]:
    worse, told = coded.worse_than(raw), {**detail, "kbit_s": coded.kbit_s, "complexity": COMPLEXITY}
    return [
        Bar(f"opus{kbit}-bits", f"bits of PCM over those of Opus at {kbit} kbit/s", raw.kbit_s / coded.kbit_s, ">=",
            FEWEST_BITS, "x", detail=told),
        measured(f"opus{kbit}-wer", f"word error of Opus at {kbit} kbit/s less that of PCM", worse, "<=", MOST_POINTS,
                 "points", {**told, "word_error": coded.word_error, "word_error_pcm": raw.word_error}),
    ]  # fmt: skip


def _with_loss(concealed: Judged, silent: Judged, raw: Judged, detail: dict[str, Any]) -> Bar:
    told = {"word_error_silent": silent.word_error, "word_error_pcm": raw.word_error, "loss": LOSS, **detail}
    title = f"word error of Opus at {RATES[-1] // 1_000} kbit/s and {LOSS:.0%} loss, concealed"
    return Bar("opus-lost", title, 100 * concealed.word_error, "<=", MOST_LOST_POINTS, "%", len(concealed.errors),
               detail=told)  # fmt: skip
