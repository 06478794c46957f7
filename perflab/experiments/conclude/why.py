"""What 30_prototype says about the reason: the functions behind the difference of two variants."""

from __future__ import annotations

from perflab.experiments.conclude.parts import effect_of, evidence, observation, trust_of
from perflab.experiments.null_arm import failed_null
from perflab.experiments.profile import profiled_process
from perflab.experiments.profile_pairs import Why
from perflab.experiments.study import Study
from perflab.experiments.trial import read_trial
from perflab.findings.finding import Evidence, Finding, TrustCheck


def conclude_why(study: Study, why: Why, figure: Evidence | None = None, null: tuple[TrustCheck, ...] = ()) -> Finding:
    """Return the finding that names the changed functions, with their intervals and the flame graph.

    `null`: the null arms of the run; a failed one withholds claim, pictures and tables, for what they would explain is
    not established. The captures stay in the run.
    """
    trials = [read_trial(study, name) for name in why.trials]
    trust = (*trust_of(trials, side_by_side=True, cpu_only=True), *null)
    failed = failed_null(null)
    return observation(
        study,
        "why",
        trust,
        question=f"Which functions make {why.candidate} differ from {why.baseline}?",
        variant=why.candidate,
        claim=f"No function is named: {failed}." if failed else why.sentence(),
        effect=None if failed else effect_of(_metric(why), why.own.total.scaled(1e-3), "ms", "stretches"),
        evidence=() if failed else evidence(figure, *why.pictures),
        caveats=(
            *why.own.caveats,
            *why.problems,
            *_unseen(study),
            "profiled side by side under a light load of their own: amounts differ from those of the blocks",
        ),
        details={} if failed else {"own": why.own.records(), "leaf": why.leaf.records()},
    )


def _unseen(study: Study) -> tuple[str, ...]:
    """Say of which process the difference is, where the system has others."""
    name = profiled_process(study)
    others = [process.name for process in study.system.system_processes if process.name != name]
    return (f"of the process {name} alone; not looked at: {', '.join(others)}",) * bool(others)


def _metric(why: Why) -> str:
    """Name the difference, in a load of its own, apart from the CPU per unit that the blocks measure."""
    return f"CPU per {why.unit}, profiled, against baseline"
