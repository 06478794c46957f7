"""PESQ and STOI: the ends of their scales, their order under noise, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from perflab.audio.corpus import load_corpus
from perflab.audio.noise.kinds import pink
from perflab.audio.noise.mixing import mixed
from perflab.audio.quality import pesq as pesq_module
from perflab.audio.quality.pesq import pesq, pesq_missing
from perflab.audio.quality.stoi import stoi
from perflab.errors import StatisticError, UsageError

CORPUS = load_corpus()
SPEECH = CORPUS.utterances[3].pcm[: 4 * 16_000]
NOISE = pink(SPEECH.size, 16_000, seed=1)
SNRS = (20.0, 10.0, 0.0)
needs_pesq = pytest.mark.skipif(pesq_missing() is not None, reason=str(pesq_missing()))
needs_speech = pytest.mark.skipif(not CORPUS.real, reason=CORPUS.source)


@needs_pesq
@needs_speech
def test_pesq_knows_its_best_and_falls_with_noise() -> None:
    assert pesq(SPEECH, SPEECH) == pytest.approx(4.644, abs=0.001)
    assert pesq(SPEECH, SPEECH // 2) == pytest.approx(4.644, abs=0.05)  # gain is no damage
    falls = [pesq(SPEECH, mixed(SPEECH, NOISE, snr)) for snr in SNRS]
    assert falls == sorted(falls, reverse=True) and falls[0] > falls[2] + 0.2 and falls[0] < 4
    assert 1 <= pesq(SPEECH, mixed(SPEECH, NOISE, 10), band="narrow") <= 4.55


@needs_pesq
def test_pesq_refuses_in_one_line() -> None:
    with pytest.raises(UsageError, match="wide band at 8000 Hz"):
        pesq(SPEECH, SPEECH, rate=8_000)
    with pytest.raises(StatisticError, match=r"0\.25 s"):
        pesq(SPEECH[:3_000], SPEECH[:3_000])
    with pytest.raises(StatisticError, match="silence"):
        pesq(SPEECH, 0 * SPEECH)
    with pytest.raises(UsageError, match="NaN"):
        pesq(SPEECH, np.where(SPEECH > 0, np.nan, 1.0))


@needs_pesq
def test_an_error_of_the_package_is_one_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import pesq as package

    def fail(*_: object) -> None:
        raise package.NoUtterancesError(b"No utterances detected")

    monkeypatch.setattr(package, "pesq", fail)
    with pytest.raises(StatisticError, match="cannot be computed: No utterances detected"):
        pesq(SPEECH, SPEECH)


def test_where_pesq_is_missing_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pesq_module, "find_spec", lambda name: None)
    assert "C compiler" in str(pesq_missing())
    with pytest.raises(UsageError, match="C compiler"):
        pesq(SPEECH, SPEECH)


@needs_speech
@pytest.mark.parametrize("extended", [False, True])
def test_stoi_knows_its_best_and_falls_with_noise(extended: bool) -> None:
    assert stoi(SPEECH, SPEECH, extended=extended) == pytest.approx(1, abs=1e-6)
    falls = [stoi(SPEECH, mixed(SPEECH, NOISE, snr), extended=extended) for snr in SNRS]
    assert 1 > falls[0] > falls[1] > falls[2] > 0


def test_stoi_refuses_too_little_speech() -> None:
    with pytest.raises(StatisticError, match="Too little speech"):
        stoi(NOISE[:3_000], NOISE[:3_000])
    with pytest.raises(StatisticError, match="Too little speech"):
        stoi(np.ones(50), np.ones(50))
