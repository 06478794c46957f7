"""Whether the kernels of audio are right: each one that is raced, held to its plain oracle in the run that times it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perflab.audio.kernels.denoiser_setting import DenoiserSetting
from perflab.audio.kernels.echo_canceller import EchoCanceller
from perflab.audio.kernels.echo_setting import EchoSetting
from perflab.audio.kernels.oracle import denoiser as oracle_denoiser
from perflab.audio.kernels.oracle import echo_canceller as oracle_echo
from perflab.benches.audio import companding, denoising, echo, fourier, mixing, opus, resampling, tones, voice_activity
from perflab.benches.audio.rooms import RATE, TAIL, converse
from perflab.benches.bar import Bar
from perflab.errors import UsageError
from perflab.findings.finding import TrustCheck

TURN_S = 0.16  # a third of what denoiser, echo canceller and detector are checked on: whole frames of 20 ms


def check_kernels() -> list[TrustCheck]:
    """Hold every kernel that is raced to its plain oracle, in this run; the detector to the wheel's as well."""
    bars = [*(companding.exactness(law) for law in companding.NAMES), fourier.exactness(), mixing.mixed_exactly(),
            mixing.levels_exactly(), *resampling.quality(), *resampling.delays(),
            voice_activity.agreement(lambda line: None), tones.exactness(), *_packets(),
            *one_session_exactly()]  # fmt: skip
    return [_check(bar) for bar in bars]


def _packets() -> list[Bar]:
    """Hold the packets of Opus to the plain way's, where there is one to race against."""
    try:
        return [opus.as_plain()]
    except UsageError:
        return []


def check_rows(checks: list[TrustCheck]) -> tuple[dict[str, Any], ...]:
    """Return one row per check, and soxr's lag beside ours: shown with them, but no check of what is ours."""
    rows = [{"check": c.name, "seen": c.observed, "asked": c.limit} for c in checks]
    lag = resampling.lag()
    if lag.value is not None:
        shown = _check(lag)
        rows.append({"check": f"no check, but beside them: {lag.title}", "seen": shown.observed, "asked": shown.limit})
    return tuple(rows)


def one_session_exactly() -> list[Bar]:
    """Hold one session of denoiser, echo canceller and detector, in the forms that are raced, to their oracles.

    Half a second of a conversation, the near end talking in the last third of it; int16 may be rounded otherwise once.
    """
    scene = converse(1, 3 * TURN_S, near_from=2 * TURN_S)
    partitions = EchoCanceller(1, tail_ms=1e3 * TAIL / RATE).partitions
    quiet = oracle_denoiser.denoise(scene.mic[0], DenoiserSetting())
    rest = oracle_echo.cancel(scene.mic[0], scene.far[0], partitions, EchoSetting())
    return [
        _apart("ns-plain", "denoiser: largest distance from a float64 reference", denoising.ours(scene.mic)[0], quiet),
        _apart("aec-plain", "echo canceller: largest distance from a float64 reference",
               echo.ours(scene.mic, scene.far)[0], rest),
        voice_activity.as_plain(scene.mic[0]),
    ]  # fmt: skip


def _apart(id_: str, title: str, made: NDArray[np.int16], wanted: NDArray[np.float64]) -> Bar:
    apart = float(np.abs(made - np.clip(wanted, -32768, 32767)).max())
    return Bar(id_, title, apart, "<=", 1, "LSB", made.size)


def _check(bar: Bar) -> TrustCheck:
    return TrustCheck(name=bar.title, passed=bar.holds, observed=f"{bar.value:.4g} {bar.unit}".strip(),
                      limit=f"{bar.operator} {bar.limit:g} {bar.unit}".strip())  # fmt: skip
