"""Findings on strategies by case: one setting of the flags under one condition, with every figure that was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from perflab.findings.finding import Finding

Role = Literal["CPU", "tail", "memory", "other"]
Outcome = Literal["gain", "gain at a price", "gain, not all shown", "no gain", "loss", "open"]
ROLES: tuple[Role, ...] = ("CPU", "tail", "memory")  # nothing is adopted unless all three are shown
GAINS: tuple[Outcome, ...] = ("gain", "gain at a price", "gain, not all shown")
LOSSES: tuple[Outcome, ...] = ("no gain", "loss")
OPEN = ("inconclusive", "untrusted")
GAIN = 0.05  # a smaller one would not pay for what is worse


@dataclass(frozen=True)
class Case:
    """One setting under one condition; `findings` are its figures, those of a screening only where nothing else is."""

    setting: str
    condition: str
    notebook: str
    findings: tuple[Finding, ...]

    @property
    def title(self) -> str:
        """The short name of its experiment, empty where that has none."""
        return str(self.findings[0].details.get("title", ""))

    @property
    def screened(self) -> bool:
        """Whether nothing but a screening has seen it."""
        return all(f.stage == "screened" for f in self.findings)

    @property
    def deciding(self) -> list[Finding]:
        """Its figures but those that only explain how a strategy works."""
        return [f for f in self.findings if not f.details.get("means")]

    @property
    def not_shown(self) -> list[Role]:
        """What of CPU, tail and memory no figure of it shows.

        The figure that every experiment has of it counts: CPU while nothing happens, or the p95 of the writes alone,
        shows neither the CPU of the work nor its tail.
        """
        shown = {role(f) for f in self.deciding if f.effect and not f.details.get("own figure")}
        return [own for own in ROLES if own not in shown]

    @property
    def undecided(self) -> list[Finding]:
        """Its figures that are still open."""
        return [f for f in self.deciding if f.verdict in OPEN]

    @property
    def gives_up(self) -> bool:
        """Whether it no longer keeps something that no figure shows, such as acknowledged writes in a crash."""
        return any(f.details.get("gives up") for f in self.findings)

    @property
    def partly_known(self) -> bool:
        """Whether figures are missing or open: then a price that is known is not all that may speak against it."""
        return bool(self.not_shown or self.undecided)

    @property
    def outcome(self) -> Outcome:
        """What its figures say together; those that only explain how a strategy works decide nothing.

        A gain is one only where CPU, tail and memory are all shown and no figure is open; what is given up beside the
        figures is a price as one that is worse; what is worse is a loss only where none of these three, and no median
        of a latency, may still turn out a gain that pays for it.
        """
        deciding = self.deciding
        verdicts = {f.verdict for f in deciding}
        if "better" in verdicts and ("worse" in verdicts or self.gives_up):
            return "gain at a price"
        if "better" in verdicts:
            return "gain, not all shown" if self.partly_known else "gain"
        if "worse" in verdicts:
            return "open" if any(_may_gain(f) for f in deciding) else "loss"
        return "no gain" if verdicts and verdicts <= {"equivalent", "trivial"} else "open"

    @property
    def points(self) -> Literal["less", "more", ""]:
        """Where its screening points: "less" where a figure seems better, "more" where some seem worse and none better.

        The words are those of the findings, for any figure: "more" is the worse one, also of requests answered.
        """
        deciding = (f for f in self.findings if f.stage == "screened" and not f.details.get("means"))
        directions = {f.details.get("direction", "") for f in deciding}
        return "less" if "less" in directions else "more" if "more" in directions else ""

    @property
    def refused(self) -> bool:
        """Whether trust checks refused all of its figures: it says nothing, not even that nothing was seen."""
        return all(f.verdict == "untrusted" for f in self.deciding)

    def covers(self, other: Case) -> bool:
        """Whether it is of the same setting under the same condition; without one, each notebook is its own."""
        own, theirs = ((c.setting, c.condition or c.notebook) for c in (self, other))
        return own == theirs

    def with_verdict(self, *verdicts: str) -> list[Finding]:
        """Return its figures of some verdicts: CPU first, then tail, memory and the rest."""
        return sorted((f for f in self.findings if f.verdict in verdicts and f.effect), key=_place)


def _may_gain(finding: Finding) -> bool:
    """Say whether an undecided figure leaves room for a gain of more than `GAIN`.

    CPU, tail or memory does where any of its interval is such a gain; the median of a latency, which most requests
    meet but on which alone nothing is adopted, only where all of it is: seen, and not to be believed as it stands.
    """
    if finding.verdict not in OPEN:
        return False
    effect, own = finding.effect, role(finding)
    if own not in ROLES:
        median = effect is not None and effect.unit == "ratio" and re.search(r"p50|median", effect.metric.lower())
        return bool(median and effect and effect.high is not None and effect.high < 1 - GAIN)
    if effect is None or effect.low is None:
        return True
    return effect.low < (1 - GAIN if effect.unit == "ratio" else 0)


def role(finding: Finding) -> Role:
    """Return what a figure stands for: CPU, the tail of the latency, memory, or something of its own."""
    metric = (finding.effect.metric if finding.effect else "").lower()
    if "cpu" in metric:
        return "CPU"
    if "memory" in metric:
        return "memory"
    return "tail" if re.search(r"p9\d|tail", metric) else "other"


def by_strategy(compared: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Return comparisons by strategy id, or by variant where no single strategy is meant."""
    groups: dict[str, list[Finding]] = {}
    for finding in compared:
        groups.setdefault(finding.strategy or finding.variant or finding.id, []).append(finding)
    return groups


def cases_of(own: Iterable[Finding]) -> list[Case]:
    """Return the cases of one strategy; what was confirmed takes the place of its screening.

    Two experiments may name the same setting and condition, as bulk writes into two databases do: they stay apart by
    their titles.
    """
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in own:
        key = (setting_of(finding), finding.condition, finding.notebook, str(finding.details.get("title", "")))
        groups.setdefault(key, []).append(finding)
    found = []
    for (setting, condition, notebook, _), findings in groups.items():
        published = [f for f in findings if f.stage != "screened"]
        found.append(Case(setting, condition, notebook, tuple(published or findings)))
    return found


def setting_of(finding: Finding) -> str:
    """Return what a comparison changes: the arm that the finding names, else what its variant lays over its base."""
    arm = str(finding.details.get("flag", ""))
    return arm if "=" in arm else finding.variant.partition("+")[2] or finding.variant


def labels(cases: Sequence[Case], among: Sequence[Case], most: int = 2) -> str:
    """Return what tells some cases from the others: their settings, their conditions, or both."""
    by_setting = len({c.setting for c in among}) > 1
    by_condition = len({(c.condition, c.notebook, c.title) for c in among}) > 1
    told = list(dict.fromkeys(_label(c, by_setting, by_condition or not by_setting) for c in cases))
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return "; ".join(told[:most]) + more


def _label(case: Case, by_setting: bool, by_condition: bool) -> str:
    where = case.title or case.condition or f"alone, in {case.notebook}"  # its card has the whole condition
    return " under ".join([*([case.setting] if by_setting else []), *([where] if by_condition else [])])


def _place(finding: Finding) -> int:
    own = role(finding)
    return ROLES.index(own) if own in ROLES else len(ROLES) + bool(finding.details.get("means"))
