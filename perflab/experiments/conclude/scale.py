"""What 40_scalability concludes."""

from __future__ import annotations

from perflab.experiments.conclude.parts import evidence, finding, trust_of, vetoed
from perflab.experiments.scaling import Capacities
from perflab.experiments.study import Study
from perflab.experiments.trial import facts_path, read_trial
from perflab.findings.finding import Effect, Evidence, Finding, TrustCheck

CLIMB = "Climb further with more load workers: perflab load --users 400 --workers 2"


def conclude(study: Study, capacities: Capacities, figure: Evidence | None) -> list[Finding]:
    """Return one capacity statement for each variant, each with what it may not claim."""
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
        trust = _trust(study, name)
        found.append(
            finding(
                study,
                str(number),
                question=f"What does one core carry with {name}?",
                kind="observation",
                verdict="untrusted" if vetoed(trust) else "reported",
                trust=trust,
                variant=name,
                claim=f"{name}: {capacity.explanation} ({capacities.target.text}).",
                effect=effect,
                evidence=evidence(figure),
                headline=4 if name == study.system.judge else 1,
                caveats=tuple(f"{name}: may not claim {claim}" for claim in capacity.may_not_claim),
                details={"capacity": [{"variant": name, **capacities.rows()[name]}]},
                next_step=CLIMB if capacity.limited_by == "ladder" else "",
            )
        )
    return found


def _trust(study: Study, variant: str) -> tuple[TrustCheck, ...]:
    """Return the checks on the ladder and the matrix from which a variant's levels were read, where they were run."""
    names = (f"{kind}-{variant}" for kind in ("ladder", "matrix"))
    return trust_of([read_trial(study, name) for name in names if facts_path(study, name).exists()])
