"""What 30_prototype concludes on targets: those with a number are judged, goals without one are reported."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.errors import StatisticError
from perflab.experiments.conclude.parts import STAND_IN_CAVEAT, effect_of, finding, trust_of, vetoed, world_on_time
from perflab.experiments.judging import Judged
from perflab.experiments.ladder import Level
from perflab.experiments.material import material_of
from perflab.experiments.matrix import MatrixResult, Recovery
from perflab.experiments.study import Study
from perflab.experiments.trial import Trial
from perflab.experiments.units_of_work import judged_rows, peak_memory_mb, window
from perflab.findings.finding import Effect, Finding, TrustCheck
from perflab.stats.proportion import clopper_pearson
from perflab.system.tables.load import Scenario
from perflab.units import interval_text, number_text

REFUSED = "shed"


def conclude_targets(study: Study, judged: Sequence[Judged], null: tuple[TrustCheck, ...] = ()) -> list[Finding]:
    """Return one finding for each target, variant and condition; those of the judged variant first, as they come.

    A target compares one variant with a number, so that a failed null arm (`null`) is noted beside it, no veto.
    """
    from perflab.findings.judge import target_finding

    noted = [check.model_copy(update={"veto": False}) for check in null if not check.passed]
    found = []
    for number, item in enumerate(judged, 1):
        variant = item.variant or study.system.judge
        decides = variant == study.system.judge
        caveats = [*world_caveats(study, item.condition), *item.material.caveats]
        if study.quick:
            caveats.append("quick effort: a shortened scenario; a meet here is provisional")
        found.append(
            target_finding(
                item.target,
                item.judgement,
                id=f"F30-target.{number}",
                notebook=study.notebook,
                question=f"Does {variant} meet {item.target.id}?",
                n=item.reading.n,
                n_unit=item.reading.n_unit,
                variant=variant,
                scenario=item.scenario,
                condition=item.condition,
                trust=(*item.trust, *noted),
                caveats=caveats,
                headline=5 if decides and item.judgement.interval else 0,
                details=({"cause": item.cause} if item.cause else {}) | item.material.details,
            )
        )
    return found


def world_caveats(study: Study, condition: str) -> tuple[str, ...]:
    """Return that the world is a stand-in, where it is, and what each of its settings stands for."""
    told = [STAND_IN_CAVEAT] if any(p.role == "standin" for p in study.system.process) else []
    return (*told, *(f"{name}: {about}" for name, about in settings_told(study, condition).items()))


def settings_told(study: Study, condition: str) -> dict[str, str]:
    """Return the settings of a condition (``a=x,b=y``) of which the system's file says what they stand for."""
    chosen = dict(part.split("=", 1) for part in condition.split(",") if "=" in part)
    return {
        f"{c.name}={chosen[c.name]}": about
        for c in study.system.condition
        if c.name in chosen and (about := c.told(chosen[c.name]))
    }


def conclude_goals(study: Study, results: Sequence[MatrixResult], trials: Sequence[Trial]) -> list[Finding]:
    """Return what the judged variant did in scenarios that ask for something without a number: reported, not judged."""
    by_trial = {t.spec.name: t for t in trials}
    own = [(r, s) for r in results if r.variant == study.system.judge for s in study.system.scenario]
    shown = [(r, s) for r, s in own if s.asks and s.name in r.levels]
    return [_goal(study, number, r, s, by_trial[r.trial]) for number, (r, s) in enumerate(shown, 1)]


def _goal(study: Study, number: int, result: MatrixResult, scenario: Scenario, trial: Trial) -> Finding:
    spike = scenario.shape == "spike" and result.recovery
    level = result.levels[scenario.name]
    condition = ",".join(f"{k}={v}" for k, v in study.system.conditions(**result.conditions).items())
    trust = (*trust_of([trial]), *world_on_time(study, [trial], "" if spike else scenario.name))
    sent = material_of(trial.facts.notes)
    if spike:
        claim, effect = _recovered(study, scenario, result.recovery, trial), _recovery_time(result.recovery)
    else:
        claim, effect = _borne(study, scenario, level, result, trial), _failed_share(study, level)
    return finding(
        study,
        f"target.goal.{number}",
        question=f"What does {result.variant} show of {scenario.asks}?",
        kind="target",
        target_id=scenario.asks,
        verdict="untrusted" if vetoed(trust) else "reported",
        variant=result.variant,
        scenario=scenario.name,
        condition=condition,
        claim=claim,
        effect=effect,
        trust=trust,
        caveats=(
            *world_caveats(study, condition),
            *sent.caveats,
            f"{scenario.asks} names no number: reported, not judged",
        ),
        details=sent.details,
    )


def _borne(study: Study, scenario: Scenario, level: Level, result: MatrixResult, trial: Trial) -> str:
    """Say how many units failed, what was done against the lighter level before, and how the answered fared."""
    unit = study.system.unit
    rows = judged_rows(trial, study.system.load.unit_kind, scenario.name)
    refused = int((rows["outcome"] == REFUSED).sum())
    lighter = [x for x in result.steady if x.users < level.users and x.throughput_per_s]
    flow = f"{number_text(level.throughput_per_s)} {unit}s/s"
    if lighter:
        most = max(lighter, key=lambda x: x.throughput_per_s)
        flow += f" against {number_text(most.throughput_per_s)} at {most.users} users"
    p95 = interval_text(level.p95.value, level.p95.low, level.p95.high, "ms") if level.p95 else "too few for one"
    return (
        f"{scenario.title}, {level.users} users: {level.failed} of {level.finished} {unit}s failed ({refused} refused "
        f"at once), {flow}, p95 of the answered {p95}, no process ended."
    )


def _recovered(study: Study, scenario: Scenario, recovery: Recovery | None, trial: Trial) -> str:
    """Say when the probes were back, what was lost, and whether memory went back too."""
    assert recovery is not None
    back = (
        f"was back {recovery.recovered_s:.1f} s after its end"
        if recovery.recovered_s is not None
        else f"was not back within the {recovery.observed_s:.0f} s observed"
    )
    before, after = (
        peak_memory_mb(trial, study.system, window(trial, f"{when} {scenario.name}")) for when in ("before", "after")
    )
    return (
        f"{scenario.title}: the p95 of probes {back}, {recovery.lost} {study.system.unit}s were lost, memory "
        f"peaked at {number_text(after)} MB after it against {number_text(before)} MB before."
    )


def _recovery_time(recovery: Recovery | None) -> Effect | None:
    """Return when the probes were back; None where that was not seen: the claim tells for how long it was watched."""
    if recovery is None or recovery.recovered_s is None:
        return None
    return Effect(metric="recovery after a spike", value=recovery.recovered_s, unit="s", n=1, n_unit="spike",
                  method="one spike")  # fmt: skip


def _failed_share(study: Study, level: Level) -> Effect | None:
    try:
        share = clopper_pearson(level.failed, level.finished)
    except StatisticError:  # nothing finished
        return None
    percent = share.scaled(100.0)
    return effect_of(f"failed {study.system.unit}s", percent, "%", f"{study.system.unit}s")
