"""The verdict of a run, made from its findings: one paragraph, counts, and the exit code for CI.

A target may be judged under several conditions: it is met only when every one of them meets it. Only the judged
variant decides (the system's `judge`; other variants are shown). A miss outranks a
refusal to judge, because it would stand whatever the refused measurement had said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from perflab.errors import EXIT_BROKEN, EXIT_OK, EXIT_TARGET_MISSED, EXIT_UNTRUSTED
from perflab.findings.conditions import Conditions, conditions_of
from perflab.findings.finding import Finding
from perflab.findings.measurement import one_measurement
from perflab.findings.traceability import WORST_FIRST
from perflab.report.described import declared_judge, usual_judge
from perflab.report.wording import QUICK, few, plural
from perflab.runs import Manifest

DEFAULT_JUDGE = "optimised"
DECIDING = "90_verdict"  # the notebook whose claim is what to do
SHORT = ("misses", "untrusted", "inconclusive", "meets")  # the verdicts that a table tells


@dataclass(frozen=True)
class Verdict:
    """The verdict of a run: `headline` one sentence, `points` the claims that carry it, `counts` targets by verdict.

    `decision`: what to do, where the run has come to that; `sure`: what it rests on and what trust checks refused.
    """

    headline: str
    points: tuple[str, ...]
    exit_code: int
    tone: str
    judged: str
    counts: dict[str, int] = field(default_factory=dict)
    decision: str = ""
    sure: str = ""

    @property
    def sentence(self) -> str:
        """The whole verdict as one paragraph: what to do, why, how sure that is."""
        return " ".join(filter(None, (self.decision, self.headline, self.sure, *self.points)))

    @property
    def short(self) -> str:
        """The verdict for a table: "5 met, 1 missed"."""
        words = {"meets": "met", "misses": "missed"}
        told = [f"{n} {words.get(v, v)}" for v in SHORT if (n := self.counts.get(v, 0))]
        return ", ".join(told) or "nothing judged"


def judged_variant(findings: Sequence[Finding], manifest: Manifest) -> str:
    """Return the variant whose targets decide: as declared, else the usual one, else the one that has targets."""
    if declared := declared_judge(manifest):
        return declared
    seen = Counter(f.variant for f in findings if f.kind == "target" and f.variant)
    if not seen:
        return usual_judge(manifest)
    return DEFAULT_JUDGE if DEFAULT_JUDGE in seen else seen.most_common(1)[0][0]


def judged_targets(findings: Sequence[Finding], judged: str) -> list[Finding]:
    """Return the target findings that decide: those of the judged variant, and those of no variant."""
    return [f for f in findings if f.kind == "target" and f.variant in ("", judged)]


def by_target(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Return for each target id the finding that decides it, the worst of its conditions."""
    decided: dict[str, Finding] = {}
    for finding in findings:
        key = finding.target_id or finding.id
        known = decided.get(key)
        if known is None or _rank(finding) < _rank(known):
            decided[key] = finding
    return decided


def _rank(finding: Finding) -> int:
    return WORST_FIRST.index(finding.verdict) if finding.verdict in WORST_FIRST else len(WORST_FIRST)


def overall(findings: Sequence[Finding], manifest: Manifest) -> Verdict:
    """Return the verdict of a run from its findings and the state of its steps."""
    judged = judged_variant(findings, manifest)
    decided = by_target(judged_targets(findings, judged))
    counts: dict[str, int] = dict(Counter(str(finding.verdict) for finding in decided.values()))
    broken = [step for step in manifest.steps if step.status in ("failed", "skipped")]
    refused = [f for f in findings if f.verdict == "untrusted" and (f.headline or f in decided.values())]
    code = _exit_code(counts, bool(broken) or manifest.status == "broken", bool(refused))
    if manifest.status == "done" and not findings:
        code = EXIT_BROKEN
    under = conditions_of(judged_targets(findings, judged))
    headline = _headline(decided, counts, judged, manifest, len(broken), under)
    tone = {EXIT_OK: "good", EXIT_TARGET_MISSED: "bad", EXIT_BROKEN: "bad", EXIT_UNTRUSTED: "unsure"}[code]
    if code == EXIT_OK and not counts.get("meets"):
        tone = "quiet"
    decision = next((f for f in findings if f.notebook == DECIDING and f.kind == "observation" and f.headline), None)
    points = _points([f for f in findings if f is not decision])
    sure = _sure(
        [f for f in findings if f is not decision and (f.headline or f in decided.values())],
        code if manifest.status == "done" else EXIT_OK,
    )  # what is under way may still end otherwise
    return Verdict(headline, points, code, tone, judged, counts, _told(decision) if decision else "", sure)


def _exit_code(counts: dict[str, int], broken: bool, refused: bool) -> int:
    if broken:
        return EXIT_BROKEN
    if counts.get("misses"):
        return EXIT_TARGET_MISSED
    return EXIT_UNTRUSTED if refused else EXIT_OK


def _headline(
    decided: dict[str, Finding], counts: dict[str, int], judged: str, manifest: Manifest, broken: int, under: Conditions
) -> str:
    """Return the first sentence: how the judged variant stands against its targets."""
    running = manifest.status == "running"
    if not decided:
        return "No target has been judged yet." if running else "No target was judged in this run."
    of = {verdict: [f for f in decided.values() if f.verdict == verdict] for verdict in counts}
    told = []
    if met := counts.get("meets", 0):
        told.append(f"meets {plural(met, 'target')}{_levels(of['meets'])}")
    if missed := counts.get("misses", 0):
        names = few(sorted(f.target_id or f.id for f in of["misses"]), 4)
        one = one_measurement(of["misses"], under)
        told.append(f"misses {plural(missed, 'target')} ({names}){', ' if one else ''}{one}")
    open_words = (
        ("inconclusive", "inconclusive"),
        ("untrusted", "refused by trust checks"),
        ("reported", "only reported"),
        ("not-measurable-here", "not measurable here"),
        ("not-yet-judged", "too little measured to judge"),
    )
    left = [f"{n} {'is' if n == 1 else 'are'} {word}{_as_one(of[key], under)}"
            for key, word in open_words if (n := counts.get(key, 0))]  # fmt: skip
    left[:1] = [word.replace(" ", " target " if word.startswith("1 ") else " targets ", 1) for word in left[:1]]
    text = f"{'So far t' if running else 'T'}he {judged} variant of {manifest.system_name} "
    none = "meets no target" if {"inconclusive", "not-yet-judged"} & counts.keys() else "is judged by no target"
    text += (_and(told) if told else none) + (f"; {_and(left)}." if left else ".")
    return text + (f" {plural(broken, 'step')} did not finish." if broken else "")


def _as_one(found: Sequence[Finding], under: Conditions) -> str:
    """Return in brackets that targets without a verdict either way rest on one measurement."""
    told = one_measurement([f for f in found if f.verdict in ("inconclusive", "untrusted")], under)
    return f" ({told})" if told else ""


def _levels(met: Sequence[Finding]) -> str:
    """Return in brackets how many targets rest on something else than a full measurement, and which on one figure."""
    short = Counter("at quick effort" if f.level == QUICK else f.level for f in met if f.level != "measured-full")
    alone = len(short) == 1 and short.total() == len(met)
    levels = ", ".join(level if alone else f"{n} {level}" for level, n in short.items())
    told = "; ".join(filter(None, (levels, one_measurement(met, figures=False))))
    return f" ({told})" if told else ""


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _sure(carrying: Sequence[Finding], code: int) -> str:
    """Return what the verdict rests on: the levels of its evidence, and how much of it trust checks refused."""
    levels = list(dict.fromkeys(f.level for f in carrying if f.level != "none"))
    if not levels:
        return ""
    refused = [f for f in carrying if f.verdict == "untrusted"]
    told = f"The evidence is {' and '.join(levels)}."
    if not refused:
        return f"{told} No trust check refused a finding that carries the verdict."
    checks = list(dict.fromkeys(c.name for f in refused for c in f.trust if c.veto and not c.passed))
    why = f", as these failed: {'; '.join(checks)}" if checks else ""
    told += f" Trust checks refused {len(refused)} of {plural(len(carrying), 'finding')} that carry the verdict"
    ends = " perflab therefore ends with exit code 3." if code == EXIT_UNTRUSTED else ""
    return f"{told} ({few([f.id for f in refused])}){why}.{ends}"


def _points(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the claims that carry the verdict: the first comparison, then the two weightiest observations."""
    ranked = sorted((f for f in findings if f.headline > 0), key=lambda f: (-f.headline, f.order))
    comparisons = [f for f in ranked if f.kind == "comparison"][:1]
    observations = [f for f in ranked if f.kind == "observation"][:2]
    told = sorted((*comparisons, *observations), key=lambda f: f.verdict == "untrusted")  # what holds first
    return tuple(_told(finding) for finding in told)


def _told(finding: Finding) -> str:
    """Return a claim as a sentence; one that a trust check refused is never told as if it held."""
    claim = finding.claim if finding.claim.endswith((".", "!", "?")) else finding.claim + "."
    if finding.verdict != "untrusted":
        return claim
    failed = [check.name for check in finding.trust if check.veto and not check.passed]
    return f"Not to be trusted, as {' and '.join(f'“{name}”' for name in failed) or 'a trust check'} failed: {claim}"
