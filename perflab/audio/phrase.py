"""Cut utterances into phrases at their pauses, so that a phrase is exactly one turn for the upstream's detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.audio.utterance import SAMPLE_RATE, VOICED_RMS, WINDOW_SAMPLES, Corpus, Phrase

if TYPE_CHECKING:
    import numpy as np

WINDOWS_PER_S = SAMPLE_RATE // WINDOW_SAMPLES
ONSET_WINDOWS = 3  # so many voiced windows in a row are an onset for the stand-in's detector
Span = tuple[int, int]  # first window, one past the last


def voiced_windows(pcm: np.ndarray) -> np.ndarray:
    """Return for each whole 20 ms window whether it is voiced: floor(RMS) above VOICED_RMS, in exact integers."""
    import numpy as np

    windows = pcm[: len(pcm) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, WINDOW_SAMPLES).astype(np.int64)
    energy: np.ndarray = (windows * windows).sum(axis=1)
    return energy >= (VOICED_RMS + 1) ** 2 * WINDOW_SAMPLES


def phrases(corpus: Corpus, min_s: float = 0.8, max_s: float = 2.5, max_pause_s: float = 0.2) -> list[Phrase]:
    """Return the corpus cut into phrases of `min_s` to `max_s`, in the order of the corpus.

    No pause inside a phrase is longer than `max_pause_s` (keep it below 0.24 s: the upstream ends a turn at 0.3 s);
    its first three windows and its last one are voiced. Shorter pieces are dropped.
    """
    longest, shortest, gap = (int(seconds * WINDOWS_PER_S) for seconds in (max_s, min_s, max_pause_s))
    out = []
    for utterance in corpus.utterances:
        voiced = voiced_windows(utterance.pcm)
        pieces = [part for span in _between_pauses(voiced, gap) for part in _not_above(voiced, span, longest)]
        fitting = [span for span in pieces if span[1] - span[0] >= shortest]
        for number, (begin, end) in enumerate(fitting):
            pcm = utterance.pcm[begin * WINDOW_SAMPLES : end * WINDOW_SAMPLES]
            out.append(Phrase(f"{utterance.name}.{number}", pcm))
    return out


def _between_pauses(voiced: np.ndarray, gap: int) -> list[Span]:
    """Return the stretches between silences of more than `gap` windows, each from onset to last voiced window."""
    spans: list[Span] = []
    begin = last = -1
    for at in map(int, voiced.nonzero()[0]):
        if begin >= 0 and at - last - 1 > gap:
            spans.append((begin, last + 1))
            begin = at
        begin, last = (at if begin < 0 else begin), at
    if begin >= 0:
        spans.append((begin, last + 1))
    return [trimmed for span in spans if (trimmed := _trimmed(voiced, span))]


def _trimmed(voiced: np.ndarray, span: Span) -> Span | None:
    """Return the span from its first onset to its last voiced window, or None without an onset."""
    begin, end = span
    while begin + ONSET_WINDOWS <= end and not voiced[begin : begin + ONSET_WINDOWS].all():
        begin += 1
    while end > begin and not voiced[end - 1]:
        end -= 1
    return (begin, end) if end - begin >= ONSET_WINDOWS else None


def _not_above(voiced: np.ndarray, span: Span, longest: int) -> list[Span]:
    """Return the span cut to at most `longest` windows: at its longest inner pause, else straight through."""
    begin, end = span
    if end - begin <= longest:
        return [span]
    cut = _best_cut(voiced, begin, end) or begin + longest
    parts = [_trimmed(voiced, (begin, cut)), _trimmed(voiced, (cut, end))]
    return [piece for part in parts if part for piece in _not_above(voiced, part, longest)]


def _best_cut(voiced: np.ndarray, begin: int, end: int) -> int | None:
    """Return the start of the longest pause in the middle half of the span, or None when there is none."""
    quarter = (end - begin) // 4
    best, best_length, run = None, 0, 0
    for at in range(begin + quarter, end - quarter):
        run = 0 if voiced[at] else run + 1
        if run > best_length:
            best, best_length = at - run + 1, run
    return best
