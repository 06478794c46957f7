"""The prompts of Debian's asterisk sounds: whole or not at all, and a plain line when they cannot be had."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from perflab.audio import prompt_source
from perflab.audio.corpus import load_prompts, load_transcribed
from perflab.audio.prompt_source import prompt_folder, prompts
from perflab.audio.speech_source import SpeechUnavailable

TEXTS = ("; Core Sounds\n\nhello: Hello, press 1 now.\nten: press 10\nbeep: [beep]\nstar: press *\n"
         "in/folder: not this\nlost: no recording\nshort: hi\n")  # fmt: skip


def unpacked(root: Path) -> Path:
    """Make what the packages hold, small."""
    sounds, texts = root / prompt_source.SOUNDS, root / prompt_source.TEXTS
    sounds.mkdir(parents=True)
    texts.parent.mkdir(parents=True)
    texts.write_bytes(gzip.compress(TEXTS.encode(), mtime=0))
    for name, seconds in (("hello", 3), ("ten", 3), ("beep", 3), ("star", 3), ("short", 1)):
        (sounds / f"{name}.g722").write_bytes(bytes([0x5A]) * (8_000 * seconds))
    return root


def pin(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    digest = hashlib.sha256()
    for path in (folder / "texts.txt.gz", *sorted(folder.glob("*.g722"))):
        digest.update(path.name.encode() + path.read_bytes())
    monkeypatch.setattr(prompt_source, "PROMPTS_SHA256", digest.hexdigest())


def test_only_prompts_with_a_plain_text_are_taken_and_damage_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / f"asterisk-prompts-{prompt_source.VERSION}"
    prompt_source._choose(unpacked(tmp_path / "root"), folder)
    pin(monkeypatch, folder)
    (found,) = prompts(prompt_folder(tmp_path, offline=True))
    assert (found.name, found.text) == ("asterisk-hello", "Hello, press 1 now.")
    assert found.pcm.dtype == np.int16 and found.seconds == 3
    (folder / "hello.g722").write_bytes(b"x")
    with pytest.raises(SpeechUnavailable, match="offline"):
        prompt_folder(tmp_path, offline=True)


def test_without_apt_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SpeechUnavailable, match="apt-get and dpkg-deb is not here"):
        prompt_folder(tmp_path, offline=False)


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 100", "apt-get update"), ("echo other > asterisk-core-sounds-en-g722_1.6.1-1_all.deb", "pinned SHA-256"),
     ("exit 0", "pinned SHA-256")],
)  # fmt: skip
def test_a_download_that_fails_or_differs_is_refused_once_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        (tmp_path / tool).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    cache = tmp_path / "cache"
    with pytest.raises(SpeechUnavailable, match=said):
        prompt_folder(cache, offline=False)
    with pytest.raises(SpeechUnavailable, match="less than an hour ago"):
        prompt_folder(cache, offline=False)
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_packages_that_hold_something_else_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_source, "_download", lambda package, work: work)
    monkeypatch.setattr(prompt_source, "_run", lambda *command, cwd: None)
    monkeypatch.setattr(prompt_source, "_choose", lambda root, chosen: chosen.mkdir())
    monkeypatch.setattr("shutil.which", lambda tool: tool)
    with pytest.raises(SpeechUnavailable, match="not those that were pinned"):
        prompt_folder(tmp_path, offline=False)


def test_offline_nothing_is_transcribed_and_the_source_says_why(tmp_path: Path) -> None:
    corpus = load_transcribed(tmp_path, offline=True)
    assert corpus.utterances == () and not corpus.real
    assert "synthetic" in corpus.source and "no prompts (offline" in corpus.source


def test_the_real_prompts_are_speech_with_texts() -> None:
    try:
        corpus = load_prompts()
    except SpeechUnavailable as error:
        pytest.skip(str(error))
    assert len(corpus.utterances) == 130 and sum(one.seconds for one in corpus.utterances) > 500
    assert all(one.text and 2.5 <= one.seconds <= 12 and np.abs(one.pcm).max() > 3_000 for one in corpus.utterances)
