"""What 10_baseline_profile concludes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perflab.experiments.bottlenecks import Bottlenecks, stage_sentence
from perflab.experiments.conclude.parts import evidence, finding, reconciled, trust_of, vetoed
from perflab.experiments.profile import ProfilePass
from perflab.experiments.study import Study
from perflab.findings.finding import Effect, Evidence, Finding, TrustCheck, Verdict
from perflab.instrument.failures import CODES


def first_finding(study: Study, sampled: ProfilePass, stages: list[dict[str, Any]], figure: Evidence | None) -> Finding:
    """Return the finding on where a unit's time goes: the first answer about the system."""
    trust = (*trust_of([sampled.trial]), *reconciled(study, sampled.trial)) if sampled.trial else ()
    return finding(
        study,
        "1",
        question=f"Where does a {study.system.unit} spend its time?",
        kind="observation",
        verdict=_verdict(trust),
        variant="baseline",
        trust=trust,
        headline=6,
        claim=stage_sentence(study, stages),
        evidence=evidence(figure),
        details={"stages": stages, "unit_of_stages": "ms"},
    )


def conclude(
    study: Study,
    passes: Sequence[ProfilePass],
    found: Bottlenecks,
    stages: list[dict[str, Any]],
    figures: dict[str, Evidence],
) -> list[Finding]:
    """Return the findings of the profile: stages, bottlenecks, memory, what the instruments cost and what failed."""
    trust = trust_of([each.trial for each in passes if each.trial])
    sampled = _trust_of(passes, "py-spy")
    return [
        first_finding(study, passes[0], stages, figures.get("stages")),
        _hot(study, passes, found, figures, trust),
        *([_memory(study, found, figures, _trust_of(passes, "memray"))] if found.memory else []),
        _growth(study, found, sampled),
        _waiting(study, found, sampled),
        _cost(study, found, figures, trust),
        *_failures(study, found),
    ]


def _hot(
    study: Study,
    passes: Sequence[ProfilePass],
    found: Bottlenecks,
    figures: dict[str, Evidence],
    trust: tuple[TrustCheck, ...],
) -> Finding:
    """Return which part costs the most CPU; inconclusive where the instruments name none that the profile speaks of."""
    profiles = [
        Evidence(kind="profile", path=str(path.relative_to(study.run.path)), title=path.name)
        for each in passes
        for path in each.rendered
    ]
    looked, share = found.profiled, _share(found)
    return finding(
        study,
        "2",
        question="Which part of the system costs the most CPU?",
        kind="observation",
        variant="baseline",
        verdict="untrusted" if vetoed(trust) else "reported" if share and looked.speaks else "inconclusive",
        trust=trust,
        claim=found.sentence(),
        next_step=looked.next_step,
        effect=share,
        headline=7,
        evidence=(*evidence(figures.get("ranking"), figures.get("agreement")), *profiles),
        details={
            "bottlenecks": found.rows(),
            "libraries": list(found.libraries),
            "lines": found.line_rows(),
            "gates": [
                {
                    "instrument": f"{g.instrument}-{g.view}",
                    "verdict": g.verdict,
                    "why": g.reason,
                    "samples": g.n_samples,
                }
                for g in found.ranking.gates
            ],
            "agreement": found.agreement_rows(),
            "slow_units": found.slow_sentence(),
            "cpu_ms_per_unit": found.cpu_ms,
            "profiled": {"process": looked.process, "part": looked.part, "not looked at": list(looked.others)},
        },
        caveats=("shares hold for a light load; sampling error only, not the spread from run to run", *_unseen(found)),
    )


def _share(found: Bottlenecks) -> Effect | None:
    """Return the CPU share of the first of the ranking, None where it has no first."""
    first = found.ranking.rows[0] if found.ranking.rows and found.ranking.first else None
    if first is None:
        return None
    looked = found.profiled
    return Effect(
        metric=f"share of the CPU of {looked.process}" if looked.others else "share of CPU",
        value=100 * first.cpu_share,
        unit="%",
        low=100 * first.low,
        high=100 * first.high,
        n=sum(vote.n for vote in found.ranking.votes if vote.hears((first.file, first.function))),
        n_unit="samples",
        method="span of gated instruments that disagree" if first.disputed else "votes of gated instruments",
    )


def _memory(
    study: Study, found: Bottlenecks, figures: dict[str, Evidence], trust: tuple[TrustCheck, ...]
) -> Finding:  # fmt: skip
    return finding(
        study,
        "3",
        question="Where does memory go?",
        kind="observation",
        variant="baseline",
        verdict=_verdict(trust),
        trust=trust,
        claim=found.memory_sentence(),
        evidence=evidence(figures.get("memory")),
        details={
            "memory": list(found.memory),
            "allocated_mb": found.allocated.total / 1e6,
            "startup_mb": found.allocated.startup / 1e6,
        },
        caveats=("held at the end of a short window is not yet a leak: two windows decide", *_unseen(found)),
    )


def _unseen(found: Bottlenecks) -> tuple[str, ...]:
    return (found.profiled.caveat,) * bool(found.profiled.others)


def _trust_of(passes: Sequence[ProfilePass], name: str) -> tuple[TrustCheck, ...]:
    return trust_of([each.trial for each in passes if each.trial and each.name.startswith(name)])


def _verdict(trust: tuple[TrustCheck, ...]) -> Verdict:
    return "untrusted" if vetoed(trust) else "reported"


def _growth(study: Study, found: Bottlenecks, trust: tuple[TrustCheck, ...]) -> Finding:
    """Return whether memory grows; inconclusive when nobody could look, or when the system waited for its core."""
    unsure = found.growth is None or any("P301" in item.flags for item in found.growth)
    reason = next((problem for name, problem in found.problems if name == "memray-attach"), "")
    if found.growth is None and not reason:
        reason = "A quick study has no time for two windows of memray. perflab profile looks, and so does effort full"
    arenas = "objects of up to 512 bytes are seen as whole arenas only: effort full traces each"
    return finding(
        study,
        "6",
        question="Does memory grow?",
        kind="observation",
        variant="baseline",
        verdict="inconclusive" if unsure else _verdict(trust),
        trust=trust,
        claim=found.growth_sentence(),
        details={"growth": found.growth_rows(), "reason": reason},
        caveats=(
            "two short windows: what grows more slowly, or only after hours, is not seen",
            *([arenas] if study.quick else []),
            *_unseen(found),
        ),
        next_step=reason,
    )


def _waiting(study: Study, found: Bottlenecks, trust: tuple[TrustCheck, ...]) -> Finding:
    """Return what holds a thread without CPU; inconclusive when the wall-clock view may not speak."""
    rows = found.waiting_rows()
    gate = next((g for g in found.ranking.gates if g.view == "wall"), None)
    return finding(
        study,
        "5",
        question="What waits while it holds on?",
        kind="observation",
        variant="baseline",
        verdict="inconclusive" if gate is None or gate.verdict == "disqualified" else _verdict(trust),
        trust=trust,
        claim=found.waiting_sentence(),
        details={"waiting": rows},
        caveats=(
            "all threads count, parked workers left out; a busy machine reads as waiting and is gated",
            *_unseen(found),
        ),
    )


def links(study: Study, found: Bottlenecks) -> str:
    """Return the flame graphs and the instruments' own pages as Markdown links from a notebook's page."""
    names = [(path.name, path.relative_to(study.run.path).as_posix()) for path in found.graphs()]
    return "Flame graphs and pages: " + ", ".join(f"[{name}](../{path})" for name, path in names)


def _cost(study: Study, found: Bottlenecks, figures: dict[str, Evidence], trust: tuple[TrustCheck, ...]) -> Finding:
    if found.overheads is None:
        return finding(
            study,
            "4",
            question="What do the instruments cost?",
            kind="observation",
            verdict="inconclusive",
            trust=trust,
            claim="Too few units were done to measure what the instruments cost.",
        )
    rows = [
        {
            "instrument": r.instrument,
            "ratio": round(r.ratio, 3),
            "limit": r.limit,
            "within": r.within,
            "drift": round(r.drift, 3),
        }
        for r in found.overheads.rows
    ]
    said = ", ".join(f"{r['instrument']} x {r['ratio']:.2f}" for r in rows)
    over = [str(r["instrument"]) for r in rows if r["within"] is False]
    unsure = [r.instrument for r in found.overheads.rows if not r.stable]
    most = 2 * len(unsure) > len(rows)
    return finding(
        study,
        "4",
        question="What do the instruments cost?",
        kind="observation",
        verdict="untrusted" if vetoed(trust) else "inconclusive" if most else "reported",
        trust=trust,
        claim=f"CPU per unit under each instrument, over the unwatched work just before and just after it: {said}; "
        f"the two sides differ by {100 * found.overheads.drift:.1f} % at most.",
        evidence=evidence(figures.get("overhead")),
        details={"overheads": rows, "drift": found.overheads.drift, "codes": list(found.overheads.codes)},
        next_step=f"{CODES['P304'][1]}: {CODES['P304'][0]}" if most else "",
        caveats=(
            "memray and scalene run in processes of their own, and so do the unwatched runs beside them: what differs "
            "from start to start is in their ratios",
            *(
                (f"not to be believed, as the unwatched sides differ by more than 5 %: {', '.join(unsure)}",)
                * bool(unsure)
            ),
            *((f"above its limit: {', '.join(over)}",) if over else ()),
            *_unseen(found),
        ),
    )


def _failures(study: Study, found: Bottlenecks) -> list[Finding]:
    return [
        finding(
            study,
            f"instrument.{number}",
            question=f"What does {name} say?",
            kind="observation",
            verdict="inconclusive",
            claim=f"{name} gave nothing: {problem}",
            next_step="perflab doctor",
        )
        for number, (name, problem) in enumerate(found.problems, 1)
    ]
