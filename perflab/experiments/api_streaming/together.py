"""Do the API's flags that pay alone still pay together? Fresh blocks of them under one load of mixed requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.api_streaming.choice import choose
from perflab.experiments.api_streaming.mixed import CONDITION, mixed
from perflab.experiments.conclude.parts import percent_change
from perflab.experiments.joint import WORDS, JointFigure, Members, Setting, prices_told, sets_of
from perflab.experiments.joint import waterfall_rows as rows_of
from perflab.experiments.strategies.conclude import ArmJudged, findings
from perflab.experiments.strategies.experiment import BASE, STANDARD, FigureSpec, StrategyExperiment
from perflab.experiments.strategies.payloads.content import fill
from perflab.experiments.strategies.run import ExperimentResult, Sizes, run_experiment
from perflab.experiments.study import Study
from perflab.findings.finding import Finding, load_findings
from perflab.system.spec import System
from perflab.system.variant import BASELINE

CPU, P95 = STANDARD[0], STANDARD[1]
MOST = 4  # flags: three arms each, and a start for each arm in each block
# Holm over four flags and the whole can confirm with 8 blocks: 5 * 2^-7 is 0.04.
# 4 s are 240 requests, a quarter of them slow ones: no time scale makes them fewer. With 2 s, where an arm used 0.2 to
# 0.4 s of CPU, the interval of a joint effect against a product went from -15 to +2 %.
BLOCKS, SECONDS = 8, 4.0
# Under every arm. Nobody speaks, and the SDK of Live alone takes 3 s of CPU at each start; with a store that opens its
# file at each access, what is measured would be the file.
WORLD = {"upstream": "raw", "store": "wal_batched"}
CACHING = "22_caching"


@dataclass(frozen=True)
class Together:
    """The flags chosen, in the order of adoption, why others were not, and their blocks: None for fewer than two."""

    settings: tuple[Setting, ...]
    left_out: tuple[str, ...]
    result: ExperimentResult | None

    @cached_property
    def cpu(self) -> JointFigure:
        """CPU per request of all sets."""
        return self.figure(CPU)

    def figure(self, spec: FigureSpec) -> JointFigure:
        """Return one figure of all sets."""
        assert self.result is not None
        result, settings = self.result, self.settings

        def of(members: Members) -> np.ndarray:
            return result.column(arm_of(settings, members), spec.column)

        return JointFigure(len(settings), of, spec.margin, result.failed_null)


def arm_of(settings: Sequence[Setting], members: Members) -> str:
    """Return the name of the arm with the settings at these places."""
    return "+".join(settings[i].arm for i in sorted(members)) or BASE


def experiment(system: System, settings: Sequence[Setting]) -> StrategyExperiment:
    """Return the one experiment of all sets of these settings."""
    known = {flag.name: flag.names for flag in system.flag}
    world = [f"{name}={value}" for name, value in WORLD.items() if value in known.get(name, ())]
    told = f", {', '.join(world)} in every arm" if world else ""
    return StrategyExperiment(
        key="api-together",
        strategy="",
        title="API flags together",
        arms=tuple(arm_of(settings, members) for members in sets_of(len(settings)) if members),
        condition=f"{CONDITION}; nobody speaks{told}",
        work=mixed,
        prepare=fill,
        base="+".join([BASELINE, *world]),
    )


def measure(study: Study, judged: Sequence[ArmJudged]) -> Together | None:
    """Run fresh blocks of the API's confirmed flags alone and together; None at quick, which confirms nothing.

    The flags are those of this notebook's experiments, and of the caches' where the run has them. Why one load for
    all: what each does alone is measured there anew, so that product and joint effect are of the same requests.
    Weakness: a flag that was confirmed under a load made for it may do little here; its row says what it does alone.
    """
    if study.quick:
        return None
    settings, left = choose(study.system, [*findings(study, judged), *of_caching(study)], tuple(WORLD), MOST)
    if len(settings) < 2:
        return Together(settings, left, None)
    sizes = Sizes(BLOCKS, SECONDS, fresh=True)
    return Together(settings, left, run_experiment(study, experiment(study.system, settings), sizes))


def of_caching(study: Study) -> list[Finding]:
    """Return what 22_caching found in this run; nothing where it has not run."""
    folder = study.run.folder("findings")
    if not (folder / f"{CACHING}.json").is_file():
        return []
    return [found for found in load_findings(folder) if found.notebook == CACHING]


def sentence(together: Together | None) -> str:
    """Say what the flags do together and whether that is the product of what they do alone, or why nobody knows."""
    if together is None:
        return "Interactions of the API's flags are measured at full effort, where two of them or more are confirmed."
    if together.result is None:
        return not_measured(together)
    if together.result.failed_null:
        return f"No verdict on interactions: {together.result.failed_null}."
    try:
        return joint_claim(together) + prices_told(together.settings)
    except StatisticError as error:
        return f"Interactions cannot be computed, because {error}"


def joint_claim(together: Together, *, silent: bool = False) -> str:
    """Return what all flags do together to CPU and, beside it, to p95; `silent`: checks allow no word on interactions.

    Raises StatisticError where CPU cannot be compared.
    """
    assert together.result is not None
    cpu = _told(together.cpu, silent)
    try:
        tail = _told(together.figure(P95), silent)
    except StatisticError as error:
        tail = f"cannot be computed, because {str(error).rstrip('.')}"
    return (
        f"Together {', '.join(one.arm for one in together.settings)} change CPU per request by {cpu}; response p95: "
        f"{tail} ({together.result.sizes.blocks} blocks of fresh processes)."
    )


def _told(figure: JointFigure, silent: bool) -> str:
    """Return what all do together, against the product of what each does alone."""
    said, whole = figure.together, figure.whole
    word = WORDS["untrusted" if silent else whole.verdict]
    return f"{percent_change(said)}, against the product of what each does alone {percent_change(whole)}: {word}"


def not_measured(together: Together) -> str:
    """Say why nothing was measured together."""
    fit = f"only {together.settings[0].arm} fits" if together.settings else "no confirmed flag fits"
    why = f" Left out: {'; '.join(together.left_out)}." if together.left_out else ""
    return f"The API's flags were not measured together: {fit} under the load of mixed requests, two are needed.{why}"


def waterfall_rows(together: Together | None) -> list[dict[str, float | str]]:
    """Return one row for each step of adoption; empty where nothing was measured together, or cannot be believed."""
    if together is None or together.result is None or together.result.failed_null:
        return []
    return rows_of([one.arm for one in together.settings], together.cpu)
