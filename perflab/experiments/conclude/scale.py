"""What 40_scalability concludes."""

from __future__ import annotations

import shlex

from perflab.experiments.conclude.cost import beyond_quota, sizing
from perflab.experiments.conclude.parts import evidence, observation, trust_of, vetoed, world_on_time
from perflab.experiments.conclude.world import elsewhere, under
from perflab.experiments.scaling import Capacities
from perflab.experiments.settling import settled_check
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial, facts_path, read_trial
from perflab.findings.finding import Effect, Evidence, Finding, TrustCheck, load_findings
from perflab.findings.trust import GENERATOR_WARN

CLIMB_BY = 2  # times the users of the highest level
CLIMB_S = 60


def conclude(study: Study, capacities: Capacities, figure: Evidence | None) -> list[Finding]:
    """Return one capacity statement for each variant, each with what it may not claim.

    Levels are of the default conditions. What the same target came to under others stands in the claim: a capacity
    would otherwise be read as if it held under them all.
    """
    judged = load_findings(study.run.path / "findings")
    found = []
    for number, (name, capacity) in enumerate(capacities.by_variant.items(), 1):
        effect = None
        if capacity.users_per_core is not None:
            effect = Effect(
                metric="users per core within the target",
                value=capacity.users_per_core,
                unit="users",
                low=capacity.low,
                high=capacity.high,
                n=capacities.levels.get(name, 0),
                n_unit="levels",
                method="highest level that held",  # by this word the history knows that the bracket is no interval
            )
        trials = _trials(study, name)
        trust = (*_trust(trials, capacities, name), *world_on_time(study, trials))
        found.append(
            observation(
                study,
                str(number),
                trust,
                question=f"What does one core carry with {name}?",
                variant=name,
                claim=f"{name}: {capacity.explanation} ({capacities.target.text}){under(study)}."
                + elsewhere(study, judged, capacities.target.id, name),
                effect=effect,
                evidence=evidence(figure),
                headline=4 if name == study.system.judge else 1,
                caveats=tuple(
                    f"{name}: may not claim {claim}" for claim in (*capacity.may_not_claim, *beyond_quota(study))
                ),
                details={"capacity": [{"variant": name, **capacities.rows()[name]}]}
                | ({} if vetoed(trust) else sizing(study, capacity.low)),
                next_step=_climb(study, name, capacity.measured_up_to, trials)
                if capacity.limited_by == "ladder"
                else "",
            )
        )
    return found


def _trials(study: Study, variant: str) -> list[Trial]:
    """Return the ladder and the matrix from which a variant's levels were read, where they were run."""
    names = (f"{kind}-{variant}" for kind in ("ladder", "matrix"))
    return [read_trial(study, name) for name in names if facts_path(study, name).exists()]


def _trust(trials: list[Trial], capacities: Capacities, variant: str) -> tuple[TrustCheck, ...]:
    """Return the checks on a variant's trials, and on whether the levels that were read from them settled."""
    stretches = [stretch for stretch in capacities.settling.get(variant, ()) if stretch is not None]
    return (*trust_of(trials), *([settled_check(stretches)] if stretches else []))


def _climb(study: Study, variant: str, users: float, trials: list[Trial]) -> str:
    """Return the command that loads the same variant of the same system further than its ladder went.

    More load workers only where one would be warned of: its CPU grows with its users, and on few cores another worker
    takes from the same core.
    """
    busiest = max((t.facts.generator["cpu_percent"] / 100 for t in trials), default=0.0)
    words = ["perflab", "load", "--system", study.run.manifest.system_shown, "--variant", variant]
    words += ["--users", f"{CLIMB_BY * users:.0f}", "--seconds", str(CLIMB_S)]
    words += ["--workers", "2"] if CLIMB_BY * busiest > GENERATOR_WARN else []
    return f"Climb further: {shlex.join(words)}"
