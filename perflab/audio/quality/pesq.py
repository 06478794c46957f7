"""PESQ: what a panel of listeners would have said of speech over a telephone, by a model of hearing."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from perflab.audio.quality.signals import Signal, checked_pair
from perflab.errors import StatisticError, UsageError

Band = Literal["wide", "narrow"]
_MODES = {"wide": "wb", "narrow": "nb"}
MISSING = "PESQ is not installed: it comes as source alone and needs a C compiler (make pesq)"
LEAST_S = 0.25


def pesq_missing() -> str | None:
    """Return why PESQ cannot be had on this machine, or None when it can."""
    return None if find_spec("pesq") else MISSING


def pesq(reference: Signal, degraded: Signal, rate: int = 16_000, band: Band = "wide") -> float:
    """Return the listening quality (MOS-LQO) of `degraded` [n] against `reference` [n]: 1.0 to about 4.64.

    ITU-T P.862.2 (wide band, at 16 kHz) or P.862.1 (narrow band), through the package pesq, which wraps the ITU's own
    code. The gain of a signal does not matter, its delay is aligned again in here, by utterance. Weakness: made for
    telephone codecs and a pause of half a second before speech; not for suppression's artefacts, music or loud
    noise; rank with it, do not publish it as an opinion of people.
    Raises UsageError where it is not installed (`pesq_missing`), for another rate, unequal shapes and NaN;
    StatisticError for less than 0.25 s, silence, and where it finds no speech.
    """
    if why := pesq_missing():
        raise UsageError(why)
    import pesq as package

    if (rate, band) not in {(16_000, "wide"), (16_000, "narrow"), (8_000, "narrow")}:
        raise UsageError(f"{band} band at {rate} Hz", "wide band at 16,000 Hz, narrow band at 8,000 or 16,000 Hz")
    first, second = checked_pair(reference, degraded)
    if first.size < LEAST_S * rate or not second.any():
        raise StatisticError("Less than 0.25 s, or silence, has no PESQ", "longer speech in both signals")
    try:
        return float(package.pesq(rate, first, second, _MODES[band]))
    except package.PesqError as error:
        said = error.args[0] if error.args else error
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise StatisticError(f"PESQ cannot be computed: {text}", "speech in both signals") from error
