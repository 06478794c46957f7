"""What 11_baseline_load concludes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from perflab.experiments.conclude.parts import effect_of, evidence, finding, observation, trust_of, world_on_time
from perflab.experiments.ladder import Level
from perflab.experiments.material import material_of
from perflab.experiments.open_load import why_no_arrivals
from perflab.experiments.operations import operation_rows, operations_moved
from perflab.experiments.scaling import middle_level
from perflab.experiments.settling import Settling, settled_check, settling_caveats
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial
from perflab.findings.finding import Evidence, Finding, TrustCheck

QUANTILES, MEANS = ("p50", "p95", "p99", "whole_p95"), ("throughput", "cpu")
NOT_FLAT = (*QUANTILES, *MEANS, "settling", "failed_as", "operations")  # fields of a level


@dataclass(frozen=True)
class Loop:
    """How the users of a ladder come to their next unit, in the words of the findings."""

    users: str
    caveat: str
    question: str


CLOSED = Loop(
    "closed users",
    "closed load: a slow system slows its own users, so the knee is seen late",
    "Does the closed loop hide the tail?",
)
PACED = Loop(
    "users at a fixed rate each",
    "each user keeps to its own rate: above the capacity a backlog grows for as long as the level is held, and with it "
    "the response times",
    "Does the tail depend on whether units come at a fixed rate or at random?",
)


def loop_of(study: Study, trials: list[Trial]) -> Loop:
    """Return how the primary users work, as the load itself said; of a time before it did: closed."""
    primary = study.system.load.primary
    return PACED if any(primary in trial.facts.notes.get("paced", ()) for trial in trials) else CLOSED


def level_row(level: Level) -> dict[str, Any]:
    """Return a level as one flat row for tables."""
    row = {each.name: getattr(level, each.name) for each in fields(level) if each.name not in NOT_FLAT}
    row["failed_as"] = ", ".join(f"{n} {kind}" for kind, n in level.failed_as)
    for name in MEANS:  # their values stand in the row already
        if interval := getattr(level, name):
            row |= {f"{name}_low": interval.low, f"{name}_high": interval.high}
    for name in QUANTILES if level.whole_p95 else QUANTILES[:3]:
        interval = getattr(level, name)
        row |= {
            f"{name}_ms": interval.value if interval else None,
            f"{name}_low": interval.low if interval else None,
            f"{name}_high": interval.high if interval else None,
        }
    if level.settling:
        row |= {"settle_declared_s": level.settling.declared_s, "settled_after_s": level.settling.found_s}
        row |= {"settled": level.settling.state, "judged_from_s": level.settling.marked_s}
    return row


def conclude(
    study: Study,
    variant: str,
    levels: list[Level],
    *,
    opened: Level | None,
    knee: dict[str, Any],
    law: dict[str, Any],
    trials: list[Trial],
    figures: dict[str, Evidence],
    world: str,
) -> list[Finding]:
    """Return the findings on load: how response moves with users, where the knee is, open arrivals against users.

    `trials`: the climb's, then the open arrivals'. What is said of the climb rests on the climb alone: a disturbance
    that struck only the arrivals after it takes the word from what is said of them.
    `opened` None: the load file serves no open arrivals, and the finding on them says what is missing.
    """
    loop = loop_of(study, trials)
    stretches = [level.settling for level in levels]
    trust = _checks(study, trials[:1], stretches)
    rows = [level_row(level) for level in levels]
    first, last = levels[0], levels[-1]
    moved = (
        f"p95 went from {first.p95.value:.0f} ms at {first.users} users to {last.p95.value:.0f} ms at {last.users}"
        if first.p95 and last.p95
        else f"p50 went from {_ms(first)} at {first.users} users to {_ms(last)} at {last.users}"
    )
    climb = observation(
        study,
        "1",
        trust,
        question="What happens as users are added?",
        variant=variant,
        claim=f"As users were added to {variant}, {moved} (n = {first.n} and {last.n}); its CPU went from "
        f"{first.cpu_percent:.0f} to {last.cpu_percent:.0f} % of a core and {sum(x.failed for x in levels)} of "
        f"{sum(x.finished for x in levels)} units failed." + operations_moved(levels, study.system.load.unit_kind),
        effect=effect_of("response p95", last.p95, "ms", "units") if last.p95 else None,
        evidence=evidence(figures.get("latency"), figures.get("throughput")),
        headline=3,
        caveats=settling_caveats(stretches),
        details={"levels": rows, "law": law, "operations": operation_rows(levels)},
    )
    where = observation(
        study,
        "2",
        trust,
        question="Where is the knee?",
        variant=variant,
        claim=str(knee["claim"]),
        details={"knee": {k: v for k, v in knee.items() if k != "claim"}},
        caveats=(loop.caveat,),
    )
    sent = material_of({name: note for trial in trials for name, note in trial.facts.notes.items()})
    around = finding(
        study,
        "world",
        question="What is measured, and what is the world around it?",
        kind="observation",
        verdict="reported",
        claim=f"{world} What was sent: {sent.told}." if sent.told else world,
        caveats=sent.caveats,
        evidence=evidence(figures.get("topology")),
    )
    against = (
        _open_against(
            study, variant, middle_level(levels), opened, loop, _checks(study, trials, [*stretches, opened.settling])
        )
        if opened
        else _no_arrivals(study, variant, loop, trials[0])
    )
    return [climb, where, against, around]


def _checks(study: Study, trials: Sequence[Trial], stretches: Sequence[Settling | None]) -> tuple[TrustCheck, ...]:
    return (*trust_of(trials), *world_on_time(study, trials), settled_check(stretches))


def _no_arrivals(study: Study, variant: str, loop: Loop, trial: Trial) -> Finding:
    """Say that no open arrivals were sent, why, and what they would have shown."""
    return finding(
        study,
        "3",
        question=loop.question,
        kind="observation",
        variant=variant,
        verdict="not-yet-judged",
        level="none",
        claim=f"No open arrivals were sent to {variant}: {why_no_arrivals(study, trial)}.",
        next_step="Define `arrive` in the load file, one unit of work that leaves a row as `live` does, and let "
        "load.arrivals be true: response times of users who wait for answers hide how a queue grows",
    )


def _open_against(
    study: Study, variant: str, closed: Level, opened: Level, loop: Loop, trust: tuple[TrustCheck, ...]
) -> Finding:
    """Hold open arrivals against the users of the level whose rate they had."""
    return observation(
        study,
        "3",
        trust,
        question=loop.question,
        variant=variant,
        claim=f"At {closed.throughput_per_s:.1f} units/s, the rate of {closed.users} {loop.users}, open arrivals saw "
        f"{_p95(opened)} (n = {opened.n}, {opened.throughput_per_s:.1f} a second answered), those users "
        f"{_p95(closed)} (n = {closed.n}){_drowning(opened)}.",
        caveats=settling_caveats([opened.settling]),
        details={"open": level_row(opened), "closed": level_row(closed)},
    )


def _ms(level: Level) -> str:
    return f"{level.p50.value:.0f} ms" if level.p50 else "too few units to say"


def _p95(level: Level) -> str:
    if not level.p95:
        return "too few units for a p95 with an interval"
    return f"a p95 of {level.p95.value:.0f} ms [{level.p95.low:.0f}, {level.p95.high:.0f}]"


def _drowning(level: Level) -> str:
    """Say of open arrivals that fewer were answered than came: then a queue grows, and times are those of the window.

    In a steady system the two differ by those who are under way at either edge of the window: by Little's law
    rate * response each, Poisson. Beyond twice that, and a tenth of what came, it is no chance. Weakness: the median
    stands for the mean response, which a long tail lets lie higher.
    """
    answered = level.throughput_per_s * level.seconds
    edges = 2 * level.finished / level.seconds * (level.p50.value / 1e3 if level.p50 else 0.0)
    behind = level.finished - answered
    if behind <= 0.1 * level.finished or behind <= 2 * math.sqrt(edges):
        return ""
    return (
        f": {level.finished / level.seconds:.1f} a second came, more than were answered, so the queue of open arrivals "
        "grew, and their p95 rises with the time measured"
    )
