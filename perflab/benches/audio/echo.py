"""Bar 9: the echo canceller beside speexdsp's, in speed and in what is left of echo and of the near end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np

from perflab.audio.kernels.echo_canceller import EchoCanceller
from perflab.audio.kernels.pcm import Pcm
from perflab.audio.quality.si_sdr import si_sdr
from perflab.benches.audio.contest import Contest, circumstances, hold, missing
from perflab.benches.audio.rooms import RATE, TAIL, Conversation, converse
from perflab.benches.audio.speexdsp import FRAME, WHY, SpeexEcho, addresses, cancelled, speexdsp
from perflab.benches.bar import Bar, measured
from perflab.benches.parts import Say
from perflab.stats.latency import order_statistic_intervals

ORDER = 70
SESSIONS, TIMED_S, SCENES, SCENE_S, TURN_S = 64, 0.5, 32, 12.0, 6.0
AFTER = slice(round(TURN_S * RATE), None)  # samples after the turn: the near end talks, or the room has changed
Measure = Callable[[Pcm, Pcm, Pcm], float]  # of microphone, result, and result for the near end alone


def bars(say: Say) -> list[Bar]:
    """Measure throughput, then echo return loss, near end in double talk, and recovery from a moved room."""
    library = speexdsp()
    if library is None:
        return [missing("aec", "echo cancelled by speexdsp over ours", ">=", 2, WHY)]
    return [hold(contest(library)).bar(tail_ms=1e3 * TAIL / RATE), *quality(library)]


def contest(library: Any) -> Contest:
    """Return 64 sessions, a tail of 128 ms, frames of 20 ms against 64 streams of speexdsp."""
    scene = converse(SESSIONS, TIMED_S)
    kernel, out = EchoCanceller(SESSIONS, tail_ms=1e3 * TAIL / RATE), np.zeros((SESSIONS, FRAME), np.int16)
    streams = [SpeexEcho(library, TAIL) for _ in range(SESSIONS)]
    made, given = np.zeros_like(out), _frames(scene.mic, scene.far)
    heard, fresh = addresses(made), cycle(given)
    again = cycle([(addresses(mic), addresses(far), (mic, far)) for mic, far in given])  # the arrays are kept alive

    def batched() -> None:
        mic, far = next(fresh)
        kernel.process(mic, far, out)

    def streamed() -> Pcm:
        mic, far, _ = next(again)
        for stream, *rows in zip(streams, mic, far, heard, strict=True):
            stream.process_at(*rows)
        return made

    return Contest("aec", f"echo cancelled in {SESSIONS} sessions, int16, {FRAME} samples: {SESSIONS} speexdsp streams "
                   "over ours", batched, streamed, SESSIONS, 2)  # fmt: skip


def _frames(mic: Pcm, far: Pcm) -> list[tuple[Pcm, Pcm]]:
    """Return microphone and far end of each frame in turn."""
    cuts = [slice(start, start + FRAME) for start in range(0, mic.shape[1], FRAME)]
    return [(np.ascontiguousarray(mic[:, cut]), np.ascontiguousarray(far[:, cut])) for cut in cuts]


def ours(mic: Pcm, far: Pcm) -> Pcm:
    """Return what our canceller makes of `mic` and `far`, int16 [sessions, n]."""
    kernel = EchoCanceller(mic.shape[0], tail_ms=1e3 * TAIL / RATE)
    made = [kernel.process(*frame, np.zeros_like(frame[0])) for frame in _frames(mic, far)]
    return np.concatenate(made, axis=1)


def quality(library: Any) -> list[Bar]:
    """Return how much better ours is in 32 conversations: the median of the paired differences in dB.

    Each canceller's near end in double talk is held to what the same canceller makes of the near end alone:
    speexdsp removes what lies below some 100 Hz, which is no fault but would cost it 18 dB here. The detail tells the
    plain SI-SDR too, against the near end itself, where there is one.
    """
    late = slice(round((TURN_S + 4) * RATE), None)
    return [
        _compared("aec-erle", "echo return loss in single talk, ours less speexdsp's",
                  converse(SCENES, SCENE_S), library,
                  lambda mic, out, alone: _loss_db(mic[AFTER], out[AFTER])),
        _compared("aec-talk", "SI-SDR of the near end in double talk, ours less speexdsp's",
                  converse(SCENES, SCENE_S, near_from=TURN_S, seed=2), library,
                  lambda mic, out, alone: si_sdr(alone[AFTER], out[AFTER])),
        _compared("aec-moved", "echo return loss 4 to 6 s after the room changed, ours less speexdsp's",
                  converse(SCENES, SCENE_S, moved_at=TURN_S, seed=3), library,
                  lambda mic, out, alone: _loss_db(mic[late], out[late])),
    ]  # fmt: skip


def _compared(id_: str, title: str, scene: Conversation, library: Any, measure: Measure) -> Bar:
    near, silence = np.clip(np.rint(scene.near), -32768, 32767).astype(np.int16), np.zeros_like(scene.far)
    found, detail = {}, {}
    for name, side in (("ours", ours), ("speexdsp", partial(cancelled, library, tail=TAIL))):
        out, alone = side(scene.mic, scene.far), side(near, silence)
        found[name] = np.array([measure(*rows) for rows in zip(scene.mic, out, alone, strict=True)])
        if near.any():
            against = [si_sdr(*rows) for rows in zip(scene.near[:, AFTER], out[:, AFTER], strict=True)]
            detail[f"{name}_near_itself_db"] = float(np.median(against))
    apart = order_statistic_intervals(found["ours"] - found["speexdsp"], (0.5,))[0]
    detail |= {f"{name}_db": float(np.median(values)) for name, values in found.items()}
    return measured(id_, title, apart, ">=", -1, "dB", {**detail, "recorded_speech": scene.real, **circumstances()})


def _loss_db(heard: Pcm, left: Pcm) -> float:
    before, after = (float(np.mean(np.square(x.astype(np.float64)))) for x in (heard, left))
    return float(10 * np.log10(before / max(after, 1e-9)))
