"""What 30_prototype says about the reason: the functions behind the difference of two variants."""

from __future__ import annotations

from perflab.experiments.conclude.parts import effect_of, evidence, finding, trust_of, vetoed
from perflab.experiments.profile_pairs import Why
from perflab.experiments.study import Study
from perflab.experiments.trial import read_trial
from perflab.findings.finding import Evidence, Finding


def conclude_why(study: Study, why: Why, figure: Evidence | None = None) -> Finding:
    """Return the finding that names the changed functions, with their intervals and the flame graph."""
    trust = trust_of([read_trial(study, name) for name in why.trials], side_by_side=True)
    return finding(
        study,
        "why",
        question=f"Which functions make {why.candidate} differ from {why.baseline}?",
        kind="observation",
        verdict="untrusted" if vetoed(trust) else "reported",
        variant=why.candidate,
        trust=trust,
        claim=why.sentence(),
        effect=effect_of(f"CPU per {why.unit}", why.own.total.scaled(1e-3), "ms", "stretches"),
        evidence=evidence(figure, *why.pictures),
        caveats=(
            *why.own.caveats,
            *why.problems,
            "profiled side by side under a light load of their own: amounts differ from those of the blocks",
        ),
        details={"own": why.own.records(), "leaf": why.leaf.records()},
    )
