"""The tiles on top of a run's page: one for each figure that targets were judged by, the misses first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perflab.findings.conditions import Conditions, conditions_of
from perflab.findings.finding import Finding
from perflab.findings.measurement import by_measurement
from perflab.report.verdict import Verdict, by_target, judged_targets
from perflab.report.wording import bounds_text
from perflab.units import value_text

MOST = 8
ORDER = {"misses": 0, "untrusted": 1, "inconclusive": 2, "meets": 3}


@dataclass(frozen=True)
class Tile:
    """One measurement with every target that it decides; `under` is what tells its condition from the others."""

    members: tuple[Finding, ...]
    under: str

    @property
    def first(self) -> Finding:
        """The finding whose figure is shown; the others have the same."""
        return self.members[0]

    @property
    def value(self) -> str:
        """The value alone."""
        effect = self.first.effect
        return value_text(effect.value, effect.unit) if effect else ""

    @property
    def bounds(self) -> str:
        """What the value may be in truth: "1.76 s to 2.07 s, n = 155 turns"."""
        effect = self.first.effect
        if effect is None:
            return ""
        return ", ".join(filter(None, (bounds_text(effect), f"n = {effect.n:,} {effect.n_unit}")))


def tiles(findings: Sequence[Finding], verdict: Verdict) -> list[Tile]:
    """Return the tiles: misses first, then those that the notebooks put on top; at most eight.

    Targets that rest on one measurement share a tile where they have one verdict: several would be read as several
    measurements.
    """
    judged = judged_targets(findings, verdict.judged)
    under = conditions_of(judged)
    shown = [f for f in by_target(judged).values() if f.effect is not None]
    ranked = sorted(shown, key=lambda f: (ORDER.get(f.verdict, 4), -f.headline, f.order))
    made = []
    for verdict_word in dict.fromkeys(f.verdict for f in ranked):
        groups = by_measurement(f for f in ranked if f.verdict == verdict_word)
        made += [Tile(tuple(group), _under(group[0], judged, under)) for group in groups]
    return made[:MOST]


def _under(shown: Finding, judged: Sequence[Finding], under: Conditions) -> str:
    """Return what tells a figure's condition from the others, and whether its target is met under these as well."""
    text = under.shown(shown.condition)
    same = {f.condition for f in judged if f.target_id == shown.target_id}
    return f"{text}, met under each of {len(same)}" if text and len(same) > 1 and shown.verdict == "meets" else text


def conditions_told(findings: Sequence[Finding], verdict: Verdict) -> tuple[tuple[str, ...], Conditions]:
    """Return what tells the conditions of the judged targets apart, one text for each, and what all of them share."""
    judged = judged_targets(findings, verdict.judged)
    under = conditions_of(judged)
    return tuple(dict.fromkeys(text for f in judged if (text := under.shown(f.condition)))), under
