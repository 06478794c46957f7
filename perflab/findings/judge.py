"""Judge a target by an interval: meets, misses, or a reason why neither can be said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from perflab.findings.catalogue import Target
from perflab.findings.finding import Effect, Evidence, EvidenceLevel, Finding, TargetVerdict, TrustCheck
from perflab.findings.trust import vetoes
from perflab.stats.interval import Interval
from perflab.units import convert, interval_text


@dataclass(frozen=True)
class Judgement:
    """What is said of a target, in the target's own unit; `printed` is the verdict with its evidence level."""

    verdict: TargetVerdict
    level: EvidenceLevel
    printed: str
    reason: str
    next_step: str
    interval: Interval | None = None


def judge_target(
    target: Target, interval: Interval | None, *, unit: str = "", level: EvidenceLevel,
    trust: Sequence[TrustCheck] = (), domain: str = "", reason: str = "", next_step: str = "",
    numeric: bool = True, ran: Collection[str] = (),
) -> Judgement:  # fmt: skip
    """Judge `target` by `interval`, given in `unit` (the target's own when empty).

    The whole interval on the good side meets, the whole interval on the bad side misses, anything else is
    inconclusive; a missing bound cannot meet on its side. A failed veto of `trust` makes it untrusted, whatever the
    interval says. Without an interval the target is not-yet-judged (with `reason` why what was measured gave none and
    the `next_step` that mends it, or with the notebook that will measure it, which is none of those that `ran`), or
    not-measurable-here when only real devices or field data can decide. A target of another `domain` than the run's is
    never judged by it.
    `numeric=False`: nothing to judge by, the figure is reported.
    Raises NotComparable when `unit` and the target's unit are of different kinds.
    """
    apart = _not_judged(target, interval, level, domain, (reason, next_step), ran)
    if apart:
        return apart
    assert interval is not None  # _not_judged answers for a missing one
    shown = _in_unit(interval, unit or target.unit, target.unit)
    said = interval_text(shown.value, shown.low, shown.high, target.unit)
    failed = vetoes(trust)
    if failed:
        words = f"{said}, but {failed[0].name}: {failed[0].observed} (limit: {failed[0].limit})"
        return _judgement("untrusted", level, words, failed[0].next_step, shown)
    if not numeric:
        return _judgement("reported", level, said, "", shown)
    verdict = _side(target, shown)
    words = f"{said} against {target.operator} {target.value:g} {target.unit}".rstrip()
    if verdict == "inconclusive":
        return _judgement(verdict, level, f"{words}: the interval does not clear it", _settle(shown), shown)
    return _judgement(verdict, level, words, "", shown)


def printed_verdict(verdict: str, level: str) -> str:
    """Return the verdict as tables print it: a meet says on what but a full measurement it rests, a miss is a miss."""
    if verdict == "meets" and level != "measured-full":
        return f"meets ({level})"
    return verdict


def target_finding(
    target: Target, judgement: Judgement, *, id: str, notebook: str, question: str, n_unit: str = "turns", n: int = 0,
    variant: str = "", scenario: str = "", condition: str = "", trust: Sequence[TrustCheck] = (),
    caveats: Sequence[str] = (), evidence: Sequence[Evidence] = (), headline: int = 0,
    details: dict[str, Any] | None = None,
) -> Finding:  # fmt: skip
    """Return the judgement as a Finding; the target's own limits join the caveats.

    `n` of `n_unit` stand behind the value; 0 = as many as the interval was made of, which of a rate are parts of time.
    """
    limits = (f"{target.id}: {target.limits}",) if target.limits and judgement.interval else ()
    return Finding(
        id=id, notebook=notebook, question=question, kind="target", target_id=target.id,
        claim=f"{target.text}: {judgement.reason}.", verdict=judgement.verdict, level=judgement.level,
        effect=_effect(target, judgement.interval, n, n_unit), condition=condition, variant=variant, scenario=scenario,
        trust=tuple(trust), caveats=(*caveats, *limits), evidence=tuple(evidence), headline=headline,
        next_step=judgement.next_step, details=details or {},
    )  # fmt: skip


def _not_judged(
    target: Target,
    interval: Interval | None,
    level: EvidenceLevel,
    domain: str,
    why: tuple[str, str],
    ran: Collection[str],
) -> Judgement | None:
    """Return the judgement of a target that no interval of this run can decide, else None."""
    if domain and domain != target.domain:
        words = f"belongs to the domain {target.domain}, this run studies {domain}"
        return _judgement("not-yet-judged", "none", words, f"Study a system whose domain is {target.domain}")
    if target.evaluation == "device-only" and level != "imported":
        step = f"Import field data for {target.metric}; a proxy here would not decide it"
        return _judgement("not-measurable-here", "none", "only real devices or field data can decide it", step)
    if target.evaluation == "simulated" and level not in ("simulated", "imported"):
        later = ", ".join(target.notebooks)
        words = f"a calibrated model decides it, in {later or 'no notebook of this version'}"
        return _judgement("not-yet-judged", "none", words, f"Run {later}" if later else "")
    if interval is None and why[0]:  # it was measured: to run the same again would give the same
        return _judgement("not-yet-judged", "none", *why)
    if interval is None:
        return _judgement("not-yet-judged", "none", *_unmeasured(target, ran))
    return None


def _unmeasured(target: Target, ran: Collection[str]) -> tuple[str, str]:
    """Return why a target has no figure, and what would give one: nobody is sent to what cannot give it."""
    if later := ", ".join(name for name in target.notebooks if name not in ran):
        return f"not measured in this run; {later} measures it", f"Run {later}"
    if target.notebooks:
        words = f"{', '.join(target.notebooks)} ran and gave no figure of {target.metric}"
        return words, f"Give the system's file a [[measure]] of {target.metric}, judged in a scenario that it has"
    if target.planned:
        return f"no notebook of this version measures it: {', '.join(target.planned)} is planned", ""
    return "not measured in this run", ""


def _judgement(
    verdict: TargetVerdict, level: EvidenceLevel, reason: str, next_step: str, interval: Interval | None = None
) -> Judgement:
    return Judgement(verdict, level, printed_verdict(verdict, level), reason, next_step, interval)


def _in_unit(interval: Interval, unit: str, wanted: str) -> Interval:
    return interval if unit == wanted else interval.scaled(convert(1.0, unit, wanted))


def _side(target: Target, interval: Interval) -> TargetVerdict:
    """Compare bounds with the limit; a bound exactly on it follows the operator."""
    limit, strict = target.value, target.operator in ("<", ">")
    # Mirror ">" targets, so that small is good for both.
    low, high = (interval.low, interval.high) if target.below else _mirrored(interval)
    limit = limit if target.below else -limit
    if high is not None and (high < limit or (high == limit and not strict)):
        return "meets"
    if low is not None and (low > limit or (low == limit and strict)):
        return "misses"
    return "inconclusive"


def _mirrored(interval: Interval) -> tuple[float | None, float | None]:
    low = None if interval.high is None else -interval.high
    return low, None if interval.low is None else -interval.low


def _settle(interval: Interval) -> str:
    if not interval.two_sided:
        return f"Measure more: {interval.n} samples bound only one side"
    return "Measure longer: the interval shrinks with the square root of the time, or take --effort full"


def _effect(target: Target, interval: Interval | None, n: int, n_unit: str) -> Effect | None:
    if interval is None:
        return None
    return Effect(
        metric=target.metric, value=interval.value, unit=target.unit, low=interval.low, high=interval.high,
        confidence=interval.confidence, n=n or interval.n, n_unit=n_unit, method=interval.method,
    )  # fmt: skip
