"""The speech that voice users say: real recordings where they can be had, a labelled synthetic signal otherwise.

``python -m perflab.audio.corpus`` fetches the recordings and prints what there is.
"""

from __future__ import annotations

import os
import wave
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.audio.phrase import phrases
from perflab.audio.prompt_source import VERSION as PROMPTS
from perflab.audio.prompt_source import prompt_folder, prompts
from perflab.audio.speech_source import FILES, PACKAGE, SpeechUnavailable, speech_folder
from perflab.audio.synthetic_speech import synthetic_corpus
from perflab.audio.utterance import SAMPLE_RATE, VOICED_RMS, Corpus, Phrase, Utterance

if TYPE_CHECKING:
    import numpy as np

OFFLINE_ENV = "PERFLAB_OFFLINE"  # set to 1: never fetch


def load_corpus(cache_dir: Path | None = None, offline: bool = False) -> Corpus:
    """Return the recordings, fetched on first use into the user's cache, or the synthetic fallback that says why.

    Never raises for want of network: `Corpus.real` and `Corpus.source` say what was used.
    """
    try:
        folder = speech_folder(cache_dir or default_cache(), offline or os.environ.get(OFFLINE_ENV) == "1")
    except (SpeechUnavailable, OSError) as error:
        fallback = synthetic_corpus()
        return Corpus(fallback.utterances, fallback.real, f"{fallback.source} ({error})")
    utterances = tuple(Utterance(Path(name).stem, text, _read(folder / name)) for name, text in FILES.items())
    return Corpus(utterances, real=True, source=f"recordings in the source distribution of {PACKAGE}, 16 kHz")


def load_prompts(cache_dir: Path | None = None, offline: bool = False) -> Corpus:
    """Return the recorded prompts of Debian's asterisk sounds with their texts (one voice, 16 kHz, about nine minutes).

    Fetched on first use through apt into the user's cache, not installed; CC-BY-SA 3.0, so copy them nowhere. Raises
    SpeechUnavailable, in one line, offline, without apt, and when what came is not what was pinned.
    """
    folder = prompt_folder(cache_dir or default_cache(), offline or os.environ.get(OFFLINE_ENV) == "1")
    return Corpus(prompts(folder), real=True, source=f"prompts of asterisk-core-sounds-en-g722 {PROMPTS}, 16 kHz")


def load_transcribed(cache_dir: Path | None = None, offline: bool = False) -> Corpus:
    """Return all recordings whose text is known: of pocketsphinx's source, and the prompts where they can be had.

    `source` says what is missing and why. Never raises for want of network; without recordings it holds no utterance,
    since the synthetic fallback says nothing: measure no word error then, and say so.
    """
    recorded = load_corpus(cache_dir, offline)
    utterances, source = tuple(one for one in recorded.utterances if one.text), recorded.source
    try:
        more = load_prompts(cache_dir, offline)
    except (SpeechUnavailable, OSError) as error:
        return Corpus(utterances, recorded.real, f"{source}; no prompts ({error})")
    return Corpus((*utterances, *more.utterances), real=True, source=f"{source}; {more.source}")


def default_cache() -> Path:
    """Return the user's cache folder for speech."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "perflab" / "corpus"


def _read(path: Path) -> np.ndarray:
    import numpy as np

    if path.suffix == ".raw":
        return np.fromfile(path, dtype="<i2")
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise OSError(f"{path.name} is not 16 kHz mono int16")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def main() -> None:
    """Print the corpus, utterance by utterance, and its phrases."""
    corpus = load_corpus()
    spoken = load_transcribed()
    print(f"{'real speech' if corpus.real else 'NOT real speech'}: {corpus.source}")
    for utterance in corpus.utterances:
        print(f"  {utterance.seconds:5.1f} s  {utterance.name:45s} {utterance.text}")
    cut = phrases(corpus)
    total = sum(phrase.seconds for phrase in cut)
    print(f"{len(cut)} phrases, {total:.1f} s in all, {min(p.seconds for p in cut):.2f} to "
          f"{max(p.seconds for p in cut):.2f} s")  # fmt: skip
    print(f"with text: {len(spoken.utterances)} recordings, {sum(u.seconds for u in spoken.utterances):.1f} s "
          f"({spoken.source})")  # fmt: skip


__all__ = ["VOICED_RMS", "Corpus", "Phrase", "Utterance", "load_corpus", "load_prompts", "load_transcribed", "phrases"]

if __name__ == "__main__":
    main()
