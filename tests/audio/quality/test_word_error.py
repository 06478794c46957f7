"""Word errors against their definition, and the closed-vocabulary recogniser on real speech."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.audio.corpus import load_corpus
from perflab.audio.noise.kinds import white
from perflab.audio.noise.mixing import mixed
from perflab.audio.quality.recogniser import ClosedVocabulary, speakable
from perflab.audio.quality.word_error import WordErrors, total, word_errors, words_of
from perflab.errors import StatisticError, UsageError

CORPUS = load_corpus()
SAID = [one for one in CORPUS.utterances if one.text and speakable(one.text)]
TEXTS, SPEECH = [one.text for one in SAID], [one.pcm for one in SAID]
needs_speech = pytest.mark.skipif(not CORPUS.real, reason=CORPUS.source)
WORDS = st.lists(st.sampled_from("abc"), max_size=6)


@cache
def distance(said: tuple[str, ...], heard: tuple[str, ...]) -> int:
    """The definition: the least number of words to replace, remove and insert."""
    if not said or not heard:
        return len(said) + len(heard)
    return min(distance(said[1:], heard) + 1, distance(said, heard[1:]) + 1,
               distance(said[1:], heard[1:]) + (said[0] != heard[0]))  # fmt: skip


@given(WORDS.filter(bool), WORDS)
def test_errors_are_those_of_the_definition(said: list[str], heard: list[str]) -> None:
    found = word_errors(" ".join(said), " ".join(heard))
    assert found == WordErrors(distance(tuple(said), tuple(heard)), len(said))


def test_words_are_told_as_they_are_spoken() -> None:
    assert words_of("Press 2, or 10: your party's -- re-enter!") == ["press", "two", "or", "one", "zero", "your",
                                                                    "party's", "re", "enter"]  # fmt: skip
    assert word_errors("Don't stop", "don't STOP.").wrong == 0
    with pytest.raises(StatisticError, match="Nothing was said"):
        word_errors("...", "what")


def test_a_total_weighs_by_words() -> None:
    both = total([WordErrors(1, 1), WordErrors(0, 9)])
    assert both == WordErrors(1, 10) and both.rate == 0.1


@pytest.fixture(scope="module")
def recogniser() -> ClosedVocabulary:
    return ClosedVocabulary(TEXTS)


@needs_speech
def test_clean_speech_is_heard_and_damage_shows(recogniser: ClosedVocabulary) -> None:
    clean = recogniser.errors(TEXTS[5:], SPEECH[5:])
    assert clean.words >= 24 and clean.rate <= 0.05
    spoilt = [mixed(pcm, white(pcm.size, 16_000, seed=2), 0) for pcm in SPEECH[5:]]
    assert recogniser.errors(TEXTS[5:], spoilt).rate > clean.rate + 0.2


@needs_speech
def test_what_was_heard_before_changes_nothing(recogniser: ClosedVocabulary) -> None:
    noisy = [mixed(pcm, white(pcm.size, 16_000, seed=2), 5) for pcm in SPEECH[5:9]]
    forth = [recogniser.hear(pcm) for pcm in noisy]
    assert [recogniser.hear(pcm) for pcm in noisy[::-1]] == forth[::-1]


@needs_speech
def test_bad_input_is_refused_and_the_recogniser_goes_on(recogniser: ClosedVocabulary) -> None:
    for wrong, said in ((np.zeros((2, 9), np.int16), "one dimension"), (np.zeros(0, np.int16), "one dimension"),
                        (np.zeros(9), "int16")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            recogniser.hear(wrong)
    assert recogniser.hear(np.zeros(1, np.int16)) == ""
    assert recogniser.hear(SPEECH[5]) == TEXTS[5]
    with pytest.raises(UsageError, match="one text for each"):
        recogniser.errors(TEXTS, SPEECH[1:])
    with pytest.raises(StatisticError, match="No speech"):
        recogniser.errors([], [])


def test_a_vocabulary_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="lacks xyzzyx"):
        ClosedVocabulary(["ten of xyzzyx"])
    with pytest.raises(UsageError, match="0 texts"):
        ClosedVocabulary(["", "  ...  "])
    assert speakable("ten of clubs") and not speakable("") and not speakable("xyzzyx")
