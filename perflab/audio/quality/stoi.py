"""STOI: how much of speech can be understood, by how alike its envelopes are in bands."""

from __future__ import annotations

import warnings

from perflab.audio.quality.signals import Signal, checked_pair
from perflab.errors import StatisticError


def stoi(reference: Signal, degraded: Signal, rate: int = 16_000, extended: bool = False) -> float:
    """Return the short-time objective intelligibility of `degraded` [n] against `reference` [n]: 0 to 1.

    `extended` (ESTOI) judges modulated noise such as babble better. Align the signals first: it correlates envelopes
    of 26 ms, so a few samples do no harm and 10 ms do. Weakness: calibrated on people's understanding, not on a
    recogniser's. Through pystoi. Source: Taal, Hendriks, Heusdens and Jensen (2011); Jensen and Taal (2016).
    Raises UsageError for unequal shapes and NaN, StatisticError for a silent reference and below about 0.4 s of
    speech.
    """
    from pystoi import stoi as measure

    first, second = checked_pair(reference, degraded)
    with warnings.catch_warnings():
        warnings.simplefilter("error", category=RuntimeWarning)
        try:
            return float(measure(first, second, rate, extended=extended))
        except (RuntimeWarning, ValueError, IndexError) as error:
            raise StatisticError("Too little speech for STOI", "about 0.4 s of speech, pauses not counted") from error
