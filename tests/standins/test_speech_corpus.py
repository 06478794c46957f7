"""The detector on the speech that voice users say: every phrase is exactly one turn, and ends where it says."""

import hashlib

from perflab.audio.corpus import load_corpus, phrases
from perflab.audio.utterance import VOICED_RMS as SAID_RMS
from perflab.standins.live.detector import VOICED_RMS, Heard, TurnDetector


def test_both_sides_mean_the_same_by_voiced():
    assert SAID_RMS == VOICED_RMS


def test_every_phrase_is_one_turn_that_its_last_frame_ends(tmp_path):
    said = phrases(load_corpus())
    assert len(said) >= 3
    for phrase in said:
        detector = TurnDetector()
        heard = [detector.feed(frame) for frame in phrase.frames]
        assert heard.count(Heard.STARTED) == 1 and Heard.ENDED not in heard, phrase.name
        assert heard[-1] in (Heard.VOICED, Heard.STARTED), phrase.name
        assert [detector.feed(bytes(640)) for _ in range(15)][-1] is Heard.ENDED
        first = next(i for i, what in enumerate(heard) if what is Heard.STARTED) - 2
        assert detector.digest() == hashlib.sha256(b"".join(phrase.frames[first:])).digest(), phrase.name
