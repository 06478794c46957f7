"""Speech for the voice users: phrases that are one turn each, and a fetch that trusts nothing."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.audio import speech_source
from perflab.audio.corpus import VOICED_RMS, Corpus, Utterance, load_corpus, phrases
from perflab.audio.phrase import voiced_windows
from perflab.audio.speech_source import FILES, SpeechUnavailable, speech_folder
from perflab.audio.utterance import WINDOW_SAMPLES


def pauses(voiced: np.ndarray) -> list[int]:
    """Return the lengths of the silent runs inside."""
    runs, length = [], 0
    for window in voiced:
        if window and length:
            runs.append(length)
        length = 0 if window else length + 1
    return runs


def check_phrases(corpus: Corpus) -> None:
    for phrase in phrases(corpus):
        voiced = voiced_windows(phrase.pcm)
        assert len(phrase.pcm) % WINDOW_SAMPLES == 0 and len(voiced) == len(phrase.frames)
        assert voiced[:3].all() and voiced[-1]
        assert max(pauses(voiced), default=0) * 20 <= 200
        assert 0.8 <= phrase.seconds <= 2.5
        assert b"".join(phrase.frames) == phrase.pcm.astype("<i2").tobytes()


def test_the_corpus_at_hand_makes_phrases() -> None:
    corpus = load_corpus()
    assert len(corpus.utterances) >= 10 and corpus.source
    check_phrases(corpus)
    assert len(phrases(corpus)) >= 20


def test_the_synthetic_corpus_is_labelled_and_repeats(tmp_path: Path) -> None:
    corpus, again = load_corpus(tmp_path, offline=True), load_corpus(tmp_path, offline=True)
    assert not corpus.real and "synthetic" in corpus.source and "offline" in corpus.source
    assert all(np.array_equal(a.pcm, b.pcm) for a, b in zip(corpus.utterances, again.utterances, strict=True))
    check_phrases(corpus)
    assert len(phrases(corpus)) >= 12
    assert len({phrase.pcm.tobytes() for phrase in phrases(corpus)}) == len(phrases(corpus))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=14), st.integers(0, 319))
def test_any_pattern_of_speech_and_silence_is_cut_right(runs: list[tuple[bool, int]], rest: int) -> None:
    levels = [1000 if voiced else 0 for voiced, windows in runs for _ in range(windows)]
    pcm = np.repeat(np.array([*levels, 0], dtype=np.int16), WINDOW_SAMPLES)[: len(levels) * WINDOW_SAMPLES + rest]
    check_phrases(Corpus((Utterance("u", "", pcm),), real=False, source="test"))


@given(st.integers(VOICED_RMS - 2, VOICED_RMS + 3))
def test_the_threshold_is_the_stand_ins(level: int) -> None:
    from perflab.standins.live import detector

    assert detector.VOICED_RMS == VOICED_RMS
    pcm = np.full(WINDOW_SAMPLES, level, dtype=np.int16)
    assert bool(voiced_windows(pcm)[0]) == (detector.rms(pcm.tobytes()) > detector.VOICED_RMS)


def archive(path: Path, names: list[str], content: bytes = b"x", link: bool = False) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(f"pocketsphinx-5.1.1/test/data/{name}")
            member.size = len(content)
            if link:
                member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("names", "content", "link", "said"),
    [
        (list(FILES)[:3], b"x", False, "lacks"),
        (list(FILES), b"x", True, "no file of at most"),
        (list(FILES), bytes((1 << 20) + 1), False, "no file of at most"),
        (list(FILES), b"x", False, "not those that were pinned"),
    ],
)
def test_a_strange_archive_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], content: bytes, link: bool, said: str
) -> None:
    made = archive(tmp_path / "a.tar.gz", names, content, link)
    monkeypatch.setattr(speech_source, "_download", lambda work: made)
    cache = tmp_path / "cache"
    with pytest.raises(SpeechUnavailable, match=said):
        speech_folder(cache, offline=False)
    assert not (cache / "pocketsphinx-5.1.1").exists()
    with pytest.raises(SpeechUnavailable, match="less than an hour ago"):
        speech_folder(cache, offline=False)
    assert [path.name for path in cache.iterdir() if path.name.startswith(".fetch")] == []


def test_a_damaged_cache_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {name: name.encode() for name in FILES}
    digest = hashlib.sha256(b"".join(contents.values())).hexdigest()
    monkeypatch.setattr(speech_source, "FILES_SHA256", digest)
    folder = tmp_path / "pocketsphinx-5.1.1"
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert speech_folder(tmp_path, offline=True) == folder
    (folder / "numbers.raw").write_bytes(b"other")
    with pytest.raises(SpeechUnavailable, match="offline"):
        speech_folder(tmp_path, offline=True)
