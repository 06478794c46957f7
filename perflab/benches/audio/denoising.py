"""Bar 8: one denoiser beside speexdsp's, in speed, to listeners and to a recogniser; and where suppressing harms."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

import numpy as np

from perflab.audio.kernels.denoiser import Denoiser
from perflab.audio.kernels.pcm import Pcm
from perflab.audio.quality.pesq import pesq_missing
from perflab.benches.audio.codecs_judged import load_speech
from perflab.benches.audio.contest import Contest, circumstances, hold, missing
from perflab.benches.audio.material import endless, frames
from perflab.benches.audio.noisy_speech import Heard, Treat, judged, under_noise
from perflab.benches.audio.speexdsp import FRAME, WHY, SpeexDenoiser, addresses, denoised, speexdsp
from perflab.benches.bar import Bar, measured
from perflab.benches.parts import Say
from perflab.errors import UsageError

ORDER = 60
SESSIONS, SEED = 64, 20_260_101
# s of speech: above 500 words where a bar hangs on them, so that chance is below 1.5 points; all 18 take five minutes
SPEECH_S, BABBLE_S = 210.0, 80.0
NOISES = (("pink", 5.0), ("pink", 10.0), ("white", 5.0), ("white", 10.0))
BABBLE = (("babble", 5.0), ("babble", 10.0))
PESQ_LIMIT, WORD_LIMIT = -0.02, 0.02


def bars(say: Say) -> list[Bar]:
    """Measure throughput, then PESQ and word error on pink and white noise, then what babble does to all."""
    library = speexdsp()
    if library is None:
        return [missing("ns", "noise suppressed by speexdsp over ours", ">=", 2.5, WHY)]
    held = hold(contest(library)).bar()
    try:
        return [held, *quality(library, say)]
    except UsageError as error:
        return [held, missing("ns-words", "word error, ours less speexdsp's", "<=", WORD_LIMIT, str(error))]


def contest(library: Any) -> Contest:
    """Return 64 sessions in frames of 20 ms against 64 streams of speexdsp, which works in place on a copy."""
    kernel, out = Denoiser(SESSIONS), np.zeros((SESSIONS, FRAME), np.int16)
    streams = [SpeexDenoiser(library) for _ in range(SESSIONS)]
    fresh, again, copy = endless(frames(SESSIONS, FRAME)), endless(frames(SESSIONS, FRAME)), np.zeros_like(out)
    rows = addresses(copy)

    def streamed() -> Pcm:
        copy[:] = next(again)
        for stream, row in zip(streams, rows, strict=True):
            stream.process_at(row)
        return copy

    return Contest("ns", f"noise suppressed in {SESSIONS} sessions, int16, {FRAME} samples: "
                   f"{SESSIONS} speexdsp streams over ours", lambda: kernel.process(next(fresh), out), streamed,
                   SESSIONS, 2.5)  # fmt: skip


def ours(pcm: Pcm) -> Pcm:
    """Return what our denoiser makes of `pcm` int16 [sessions, n], n a multiple of 320."""
    kernel = Denoiser(pcm.shape[0])
    made = [kernel.process(np.ascontiguousarray(part), np.zeros_like(part))
            for part in np.split(pcm, pcm.shape[1] // kernel.frame, axis=1)]  # fmt: skip
    return np.concatenate(made, axis=1)


def quality(library: Any, say: Say) -> list[Bar]:
    """Return PESQ and word error of ours less speexdsp's under each noise, and what suppressing adds under babble."""
    speech, fewer, found = load_speech(SPEECH_S), load_speech(BABBLE_S), list[Bar]()
    treats: dict[str, tuple[Treat, int]] = {
        "untouched": (lambda pcm: pcm, 0), "ours": (ours, round(16 * Denoiser.delay_ms)),
        "speexdsp": (partial(denoised, library), FRAME),
    }  # fmt: skip
    done, noises = count(1), (*NOISES, *BABBLE)
    for kind, snr_db in noises:
        spoken = fewer if kind == "babble" else speech
        noisy = under_noise(spoken.utterances, kind, snr_db, SEED)
        name = f"{kind} noise at {snr_db:g} dB" if kind != "babble" else f"babble at {snr_db:g} dB"
        heard: dict[str, Heard] = {}
        for side, (treat, delay) in treats.items():
            one = heard[side] = judged(noisy, treat, delay, spoken.recogniser)
            say(f"  {next(done)} of {len(noises) * len(treats)}: {name}, {side}: PESQ {one.pesq.mean():.2f}, "
                f"STOI {one.stoi.mean():.3f}, word error {one.word_error:.3f}")  # fmt: skip
        if kind == "babble":
            say(_harm(name, heard))
        else:
            found += _compared(f"ns-{kind[0]}{snr_db:g}", name, heard, speech.words, speech.source)
    return found


def _harm(name: str, heard: dict[str, Heard]) -> str:
    """Say what suppressing does to a recogniser under babble: a finding, for nothing is asked of it."""
    added = heard["ours"].worse_understood_than(heard["untouched"])
    bounds = "" if added.low is None or added.high is None else f" [{added.low:.3f}, {added.high:.3f}]"
    if added.low is not None and added.low > 0:
        told = ": it harms a recogniser, keep it switchable"
    elif added.high is not None and added.high < 0:
        told = ": it helps a recogniser"
    else:
        told = "; whether it harms or helps is not shown by so few words"
    return f"  found: under {name} suppressing adds {added.value:+.3f}{bounds} to the word error{told}"


def _compared(id_: str, name: str, heard: dict[str, Heard], words: int, source: str) -> list[Bar]:
    detail: dict[str, Any] = {f"{what}_{side}": value for side, one in heard.items() for what, value in
              (("pesq", float(one.pesq.mean())), ("stoi", float(one.stoi.mean())),
               ("word_error", one.word_error))}  # fmt: skip
    detail |= {"words": words, "source": source, **circumstances()}
    mine, theirs = heard["ours"], heard["speexdsp"]
    title, why = f"PESQ, {name}, ours less speexdsp's", pesq_missing()
    return [
        measured(f"{id_}-words", f"word error, {name}, ours less speexdsp's", mine.worse_understood_than(theirs),
                 "<=", WORD_LIMIT, "", detail),
        missing(f"{id_}-pesq", title, ">=", PESQ_LIMIT, why) if why else
        measured(f"{id_}-pesq", title, mine.better_heard_than(theirs), ">=", PESQ_LIMIT, "", detail),
    ]  # fmt: skip
