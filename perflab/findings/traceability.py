"""Every target of the catalogue, with its verdict or the reason why there is none yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from perflab.findings.catalogue import Target
from perflab.findings.conditions import Conditions, conditions_of
from perflab.findings.finding import EvidenceLevel, Finding, TargetVerdict
from perflab.findings.judge import judge_target, printed_verdict

# From what decides most to what decides least: a target that several findings judge (two latency profiles, say) has
# the first of these that occurs. One condition under which too little finished for a verdict is not met by the others.
WORST_FIRST: tuple[TargetVerdict, ...] = (
    "misses", "untrusted", "inconclusive", "not-yet-judged", "reported", "meets", "not-measurable-here",
)  # fmt: skip


@dataclass(frozen=True)
class TraceRow:
    """One target: what the source says, what was found, and where to read it; the first id is the one that decides."""

    id: str
    quote: str
    domain: str
    text: str
    verdict: TargetVerdict
    level: EvidenceLevel
    printed: str
    finding_ids: tuple[str, ...]
    reason: str


def trace_targets(
    targets: Sequence[Target], findings: Sequence[Finding], *, domain: str, variant: str = "",
    goals: Mapping[str, str] | None = None,
) -> list[TraceRow]:  # fmt: skip
    """Return one row per target in the order of the catalogue, then those goals without a number that findings tell of.

    Only findings of kind "target" count, and with `variant` only those of the variant that is judged (or of none).
    Several findings on one target give its worst verdict, so that a target met under one condition and missed under
    another is missed. `goals`: what the source says of those that name no number, by id; what bears on them is
    reported.
    """
    ran = {f.notebook for f in findings}
    under = conditions_of(f for f in findings if f.kind == "target" and (not variant or f.variant in ("", variant)))
    rows = [_row(target, _on(target.id, findings, variant), domain, ran, under) for target in targets]
    return rows + [_goal(id, quote, found, domain, under) for id, quote in (goals or {}).items()
                   if (found := _on(id, findings, variant))]  # fmt: skip


def count_verdicts(rows: Sequence[TraceRow]) -> dict[TargetVerdict, int]:
    """Return how many targets have each verdict, worst first, verdicts that do not occur left out."""
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in WORST_FIRST}
    return {verdict: count for verdict, count in counts.items() if count}


def _on(id: str, findings: Sequence[Finding], variant: str) -> list[Finding]:
    return [
        f for f in findings
        if f.kind == "target" and f.target_id == id and f.verdict in WORST_FIRST
        and (not variant or f.variant in ("", variant))
    ]  # fmt: skip


def _row(
    target: Target, found: list[Finding], domain: str, ran: Collection[str], under: Conditions
) -> TraceRow:  # fmt: skip
    if found:
        return _decided(target.id, target.quote, target.domain, target.text, found, under)
    left = judge_target(target, None, level="none", domain=domain, ran=ran)
    return TraceRow(target.id, target.quote, target.domain, target.text, left.verdict, left.level, left.printed, (),
                    left.reason)  # fmt: skip


def _goal(id: str, quote: str, found: list[Finding], domain: str, under: Conditions) -> TraceRow:
    return _decided(id, quote, domain, quote, found, under)


def _decided(id: str, quote: str, domain: str, text: str, found: list[Finding], under: Conditions) -> TraceRow:
    """Return the row of what some findings judge: the worst of them decides, and tells what its condition has alone."""
    worst = next(f for verdict in WORST_FIRST for f in found if f.verdict == verdict)
    ids = (worst.id, *(f.id for f in found if f is not worst))
    verdict: TargetVerdict = next(v for v in WORST_FIRST if v == worst.verdict)
    where = under.shown(worst.condition)
    reason = worst.claim + (f" [{where}]" if where else "")
    return TraceRow(id, quote, domain, text, verdict, worst.level, printed_verdict(verdict, worst.level), ids, reason)
