"""The judging of the denoiser: enough words where a bar hangs on them, and lines that say how far it is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perflab.audio.corpus import load_transcribed
from perflab.audio.quality.word_error import WordErrors
from perflab.benches.audio import codecs_judged, denoising
from perflab.benches.audio.noisy_speech import Heard

FEWEST_WORDS = 500  # below which 1.5 points are chance: perflab.audio.quality.recogniser


def test_bars_on_words_hang_on_enough_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    if not any(one.text for one in load_transcribed(offline=True).utterances):
        pytest.skip("no recorded speech is cached")
    offline = load_transcribed(offline=True)
    monkeypatch.setattr(codecs_judged, "load_transcribed", lambda: offline)
    monkeypatch.setattr("perflab.audio.quality.recogniser.ClosedVocabulary", lambda texts: None)
    if sum(one.seconds for one in offline.utterances) < denoising.SPEECH_S:
        pytest.skip("too little recorded speech is cached")
    assert codecs_judged.load_speech(denoising.SPEECH_S).words >= FEWEST_WORDS


def test_the_judging_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def speech(seconds: float) -> Any:
        return SimpleNamespace(utterances=seconds, recogniser=seconds, words=9, source="planted")

    asked: list[tuple[float, str]] = []

    def noisy(utterances: float, kind: str, snr_db: float, seed: int) -> float:
        asked.append((utterances, kind))
        return utterances

    def judged(given: float, treat: Any, delay: int, recogniser: float) -> Heard:
        assert given == recogniser
        return Heard(np.arange(3.0), np.ones(3), (WordErrors(1, 3),) * 3)

    for name, value in (("load_speech", speech), ("under_noise", noisy), ("judged", judged)):
        monkeypatch.setattr(denoising, name, value)
    said: list[str] = []
    bars = denoising.quality(None, said.append)
    assert [line.split(":")[0] for line in said if "PESQ" in line] == [f"  {k} of 18" for k in range(1, 19)]
    assert len(bars) == 2 * len(denoising.NOISES) and sum("found: under babble" in line for line in said) == 2
    lengths = {kind: seconds for seconds, kind in asked}
    assert lengths == {"pink": denoising.SPEECH_S, "white": denoising.SPEECH_S, "babble": denoising.BABBLE_S}
