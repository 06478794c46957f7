"""How verdicts and effects are shown: a word, a shape and a tone, never colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perflab.findings.finding import Effect, Finding
from perflab.findings.judge import printed_verdict
from perflab.units import change_text, interval_text, value_text


@dataclass(frozen=True)
class Look:
    """How one verdict is shown; `tone` is good, bad, unsure or quiet and names the colour of a page."""

    word: str
    shape: str
    tone: str


LOOKS = {
    "meets": Look("meets", "✓", "good"),
    "misses": Look("misses", "✗", "bad"),
    "better": Look("better", "▲", "good"),
    "worse": Look("worse", "▼", "bad"),
    "equivalent": Look("equivalent", "=", "quiet"),
    "trivial": Look("trivial", "≈", "quiet"),
    "inconclusive": Look("inconclusive", "◇", "unsure"),
    "untrusted": Look("untrusted", "⚠", "unsure"),
    "reported": Look("reported", "●", "quiet"),
    "not-measurable-here": Look("not measurable here", "–", "quiet"),
    "not-yet-judged": Look("not yet judged", "○", "quiet"),
}
QUICK = "measured-quick"
SCREENED = "screened, not confirmed"


def look(verdict: str, level: str = "") -> Look:
    """Return how a verdict is shown; a target met at quick effort or by a model says so: a full run may still miss it.

    `level` "" = not known, or told elsewhere.
    """
    found = LOOKS.get(verdict, Look(verdict, "●", "quiet"))
    return Look(printed_verdict(verdict, level), found.shape, found.tone) if verdict == "meets" and level else found


def is_verdict(word: object) -> bool:
    """Whether a word is a verdict: tables have columns of that name that hold others' words."""
    return word in LOOKS


def effect_text(finding: Finding) -> str:
    """Return a finding's effect with its interval; those of pairs are shown as changes, with their sign."""
    effect = finding.effect
    if effect is None:
        return ""
    compared = finding.kind == "comparison" or (effect.unit == "ratio" and effect.n_unit == "pairs")
    text = _change(effect) if compared else interval_text(effect.value, effect.low, effect.high, effect.unit)
    return f"{text} ({SCREENED})" if finding.stage == "screened" else text


def bounds_text(effect: Effect) -> str:
    """Return the interval of a level alone: "1.76 s to 2.07 s"; "" where it is the value itself, as of a maximum."""
    low, high = (None if bound is None else value_text(bound, effect.unit) for bound in (effect.low, effect.high))
    if low and high:
        return "" if effect.low == effect.high == effect.value else f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else "no interval"


def _change(effect: Effect) -> str:
    """Return a ratio as "-56 % (-61 % to -49 %)", a difference as "+778 ms (+754 ms to +804 ms)"."""
    low, high = (None if bound is None else _moved(bound, effect.unit) for bound in (effect.low, effect.high))
    known = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}" if high else ""
    return f"{_moved(effect.value, effect.unit)} ({known or 'no interval'})"


def _moved(value: float, unit: str) -> str:
    """Return one bound of a change; without its sign a difference would read as a level."""
    return change_text(value) if unit == "ratio" else f"{'+' if value > 0 else ''}{value_text(value, unit)}"


def n_text(finding: Finding) -> str:
    """Return what the effect rests on: "n = 1,234 turns, 95 % interval by sectioning"."""
    effect = finding.effect
    if effect is None:
        return ""
    known = effect.low is not None or effect.high is not None
    how = f"by {effect.method}" if effect.method else ""
    if known and effect.confidence >= 1:  # an extreme that was seen is no estimate
        how = effect.method
    elif known:
        how = f"{min(100 * effect.confidence, 99.9):.3g} % interval {how}".strip()
    return f"n = {effect.n:,} {effect.n_unit}{f', {how}' if known and how else ''}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 target", "3 targets"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first of some names, each once: "F10-1, F11-2, F30-1 and 4 more"."""
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - most} more" if len(distinct) > most else ""
    return ", ".join(distinct[:most]) + more
