"""What 22_caching runs of these experiments at which effort, and what it concludes from them."""

from __future__ import annotations

from collections.abc import Sequence

from perflab.experiments.conclude.parts import evidence, finding, observation
from perflab.experiments.strategies.caching import EXPERIMENTS, no_writes
from perflab.experiments.strategies.caching.break_even import Turning, turning_sentence
from perflab.experiments.strategies.caching.lost_writes import (
    CACHE,
    STORE,
    Lost,
    Way,
    lost_check,
    lost_rows,
    lost_sentence,
    of_way,
)
from perflab.experiments.strategies.caching.staleness import Window, stale_rows, stale_sentence
from perflab.experiments.strategies.caching.template_staleness import changed_sentence
from perflab.experiments.strategies.conclude import ArmJudged, findings
from perflab.experiments.strategies.run import ExperimentResult, Sizes, run_experiment, sizes_for
from perflab.experiments.strategies.unmeasured import unmeasured
from perflab.experiments.study import Study
from perflab.findings.finding import Evidence, Finding

NOTEBOOK = "22_caching"
QUICK_S = 0.6  # of work in a block: the arms' starts take most of a quick run
FULL_ONLY = (no_writes.EXPERIMENT.key,)


def measure(study: Study) -> tuple[ExperimentResult, ...]:
    """Run every experiment, or read back what the run has; at quick without those that only full has time for."""
    sizes = sizes_for(study)
    if study.quick:
        sizes = Sizes(sizes.blocks, min(QUICK_S, sizes.seconds), sizes.fresh)
    chosen = (one for one in EXPERIMENTS if not (study.quick and one.key in FULL_ONLY))
    return tuple(run_experiment(study, one, sizes) for one in chosen)


def conclude(
    study: Study, judged: Sequence[ArmJudged], turned: Sequence[Turning], stale: tuple[Window, ...],
    changed: tuple[Window, ...], lost: tuple[Lost, ...], figures: dict[str, Evidence],
) -> list[Finding]:  # fmt: skip
    """Return the findings on strategies; `figures` by name: forest, tail, break-even, staleness."""
    trust = turned[0].trust
    return [
        *findings(study, judged, figures.get("forest"), figures.get("tail")),
        observation(
            study, "turning", trust, question="What must a miss cost before a level pays?", strategy="ST-CACHE-13",
            claim=turning_sentence(turned),
            evidence=evidence(figures.get("break-even")), details={"levels": [one.row() for one in turned]},
            caveats=("a straight line through two stores, with the difference of two mixes for the cost of a miss",),
        ),
        finding(
            study, "staleness", question="How old are another worker's answers?", kind="observation",
            verdict="reported", strategy="ST-CACHE-11", claim=stale_sentence(stale),
            evidence=evidence(figures.get("staleness")), details={"settings": stale_rows(stale)},
            caveats=("two workers on one machine: the way of an announcement is short",),
        ),
        finding(
            study, "template-staleness", question="How long is a changed template not seen?", kind="observation",
            verdict="reported", strategy="ST-CACHE-12", claim=changed_sentence(changed),
            evidence=evidence(figures.get("staleness")), details={"settings": stale_rows(changed)},
            caveats=("rendered all the time: one used less often than its time to live is looked at by each use",),
        ),
        _lost(study, "lost", "ST-CACHE-09", "What does a killed gateway lose?", CACHE, lost),
        _lost(study, "lost-store", "ST-STATE-11", "What does a gateway killed during calls lose?", STORE, lost),
    ]  # fmt: skip


def _lost(study: Study, ordinal: str, strategy: str, question: str, way: Way, lost: tuple[Lost, ...]) -> Finding:
    """Return what one way of writing lost; the settings that store first are its control."""
    mine = of_way(lost, way)
    return observation(
        study, ordinal, (lost_check(mine),), question=question, strategy=strategy, claim=lost_sentence(mine),
        details={"settings": lost_rows(mine)},
        caveats=("the process is killed, not the machine: what the system has in its own buffers survives",),
    )  # fmt: skip


def still_open(study: Study) -> str:
    """Name the strategies that the catalogue plans for this notebook and nothing here measures."""
    measured = {one.strategy_of(arm) for one in EXPERIMENTS for arm in one.arms}
    return unmeasured(study, NOTEBOOK, measured)
