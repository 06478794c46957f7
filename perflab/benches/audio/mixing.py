"""Bars 10 and 11: mix-minus beside numpy; levels beside audioop and numpy."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np

from perflab.audio.kernels.level import level
from perflab.audio.kernels.mixer import mix_minus
from perflab.audio.kernels.oracle import mixer as plain
from perflab.audio.kernels.pcm import Pcm
from perflab.benches.audio.contest import Contest, Work, hold, missing
from perflab.benches.audio.material import FEW, endless, frames, speech_like
from perflab.benches.audio.peers import WHY, audioop
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 50
PARTIES, SAMPLES, FRAMES = (3, 10, 30, 100), 320, 200


def bars(say: Say) -> list[Bar]:
    """Measure 3 to 100 parties and 200 frames, and hold every sample and level to the plain way."""
    peer = audioop()
    held = [hold(contest).bar() for contest in [*contests(), *level_contests(peer)]]
    if peer is None:
        held.append(missing("level-op", "RMS and peak beside audioop", ">=", 15, WHY))
    return [*held, mixed_exactly(), levels_exactly()]


def contests() -> list[Contest]:
    """Return mix-minus of 3 to 100 parties, 20 ms at 16 kHz, against numpy."""
    return [_mix_contest(parties) for parties in PARTIES]


def _mix_contest(parties: int) -> Contest:
    loud = [3 * (frame // 2) for frame in frames(parties, SAMPLES, FEW)]
    fresh, again = endless(loud), endless(loud)
    heard, theirs = np.zeros_like(loud[0]), np.zeros_like(loud[0])

    def numpys() -> None:
        pcm = next(again)
        total = pcm.sum(axis=0, dtype=np.int32)
        np.clip(total - pcm, -32768, 32767, out=theirs, casting="unsafe")

    return Contest(f"mix-{parties}", f"mix-minus of {parties} parties: numpy over ours",
                   lambda: mix_minus(next(fresh), heard), numpys, 1, 5)  # fmt: skip


def level_contests(peer: Any) -> list[Contest]:
    """Return RMS and peak of 200 frames against audioop (where there is one) and numpy."""
    sound, out = frames(FRAMES, SAMPLES, FEW), np.zeros((FRAMES, 2), np.float32)
    fresh, again = endless(sound), endless(sound)
    ours: Work = lambda: level(next(fresh), out)  # noqa: E731
    title = f"RMS and peak of {FRAMES} frames of {SAMPLES} samples"
    found = [Contest("level-np", f"{title}: numpy over ours", ours, lambda: _numpys(next(again)), FRAMES, 5)]
    if peer is not None:
        raw = cycle([[row.tobytes() for row in frame] for frame in sound])
        found.append(Contest("level-op", f"{title}: audioop over ours", ours,
                             lambda: [(peer.rms(r, 2), peer.max(r, 2)) for r in next(raw)], FRAMES, 15))  # fmt: skip
    return found


def _numpys(pcm: Pcm) -> np.ndarray:
    """Return the levels by the fastest numpy that we found: einsum, and two passes for the extremes."""
    values = pcm.astype(np.float32)
    rms = np.sqrt(np.einsum("ij,ij->i", values, values) / pcm.shape[1])
    return np.stack((rms, np.maximum(values.max(axis=1), -values.min(axis=1))), axis=1)


def mixed_exactly() -> Bar:
    """Count the samples of mix-minus that differ from numpy's, for 1 to 100 parties of extreme noise."""
    wrong, count = 0, 0
    for parties in range(1, 101):
        pcm = np.random.default_rng(parties).integers(-32768, 32768, (parties, SAMPLES)).astype(np.int16)
        wrong += int(np.count_nonzero(mix_minus(pcm, np.zeros_like(pcm)) != plain.mix_minus(pcm)))
        count += pcm.size
    return Bar(
        "mix-exact", "samples that differ from numpy's, 1 to 100 parties", float(wrong), "==", 0, "samples", count
    )


def levels_exactly() -> Bar:
    """Return the largest relative error of a level against whole numbers: float32 can hold no better."""
    pcm = speech_like(FRAMES, SAMPLES)
    made = level(pcm, np.zeros((FRAMES, 2), np.float32)).astype(float)
    exact = pcm.astype(np.int64)
    wanted = np.stack((np.sqrt((exact**2).mean(axis=1)), np.abs(exact).max(axis=1)), axis=1)
    apart = float(np.abs(made / np.maximum(wanted, 1e-9) - 1)[wanted > 0].max())
    return Bar("level-exact", "largest relative error of a level", apart, "<=", 6e-8, "", FRAMES)
