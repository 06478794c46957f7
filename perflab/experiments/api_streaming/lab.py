"""Which experiments the notebook runs at which effort, and what of their catalogue it leaves open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from perflab.experiments.strategies.admission.overload import EXPERIMENTS as ADMISSION
from perflab.experiments.strategies.calls import EXPERIMENTS as CALLS
from perflab.experiments.strategies.calls.pool_sweep import LIBRARY
from perflab.experiments.strategies.conclude import ArmJudged, judge_arms
from perflab.experiments.strategies.edge import edge_cache
from perflab.experiments.strategies.experiment import StrategyExperiment
from perflab.experiments.strategies.payloads import EXPERIMENTS as PAYLOADS
from perflab.experiments.strategies.payloads import link
from perflab.experiments.strategies.run import ExperimentResult, Sizes, run_experiment, sizes_for
from perflab.experiments.strategies.unmeasured import unmeasured
from perflab.experiments.study import Study

NOTEBOOK = "23_api_streaming"
QUICK_S = 0.5  # of work in a block: the arms' starts take most of a quick run
EXPERIMENTS: tuple[StrategyExperiment, ...] = (*PAYLOADS, *CALLS, *ADMISSION)
# What quick leaves of an experiment's arms; the rest is measured at full. None of the voice path: 30_prototype screens
# its flags at quick. Of the calls only the pool sweep, of the edge nothing, nor of overload, whose blocks take a dozen
# seconds for each arm. The table of codings has every coding at either effort.
QUICK_ARMS: Mapping[str, tuple[str, ...]] = {
    "compression": ("compression=gzip", "compression=zstd"),
    "serialiser": ("serialiser=orjson", "serialiser=msgpack"),
    "events": ("events=sse", "events=websocket"),
    "voice-path": (),
    edge_cache.EXPERIMENT.key: (),
    **{one.key: () for one in (*CALLS, *ADMISSION)},
}


def everything() -> tuple[StrategyExperiment, ...]:
    """Return all experiments that this machine can run: the edge cache needs a server that no wheel carries."""
    return EXPERIMENTS if edge_cache.missing() else (*EXPERIMENTS, edge_cache.EXPERIMENT)


def experiments(study: Study) -> tuple[StrategyExperiment, ...]:
    """Return the notebook's experiments, with fewer arms at quick."""
    if not study.quick:
        return everything()
    kept = ((one, QUICK_ARMS.get(one.key, one.arms)) for one in EXPERIMENTS)
    return tuple(replace(one, arms=arms) for one, arms in kept if arms)


def measure(study: Study) -> tuple[ExperimentResult, ...]:
    """Run every experiment, or read back what the run has."""
    sizes = sizes_for(study)
    if study.quick:
        sizes = Sizes(sizes.blocks, min(QUICK_S, sizes.seconds), sizes.fresh)
    return tuple(run_experiment(study, one, sizes) for one in experiments(study))


def measure_link(study: Study) -> ExperimentResult:
    """Run the test of the break-even model; it belongs to no family of effects."""
    sizes = sizes_for(study)
    return run_experiment(study, link.EXPERIMENT, Sizes(8, min(QUICK_S, sizes.seconds), fresh=False))


def judged(results: Sequence[ExperimentResult]) -> tuple[ArmJudged, ...]:
    """Return every figure of every arm, judged over the whole notebook."""
    return judge_arms(results)


def median_rows(result: ExperimentResult) -> list[dict[str, Any]]:
    """Return one row for each arm with the medians of its blocks: what the changes are changes of.

    A figure that a block could not have, such as the tail of too few answers, is not told.
    """
    import numpy as np

    from perflab.experiments.null_arm import NULL
    from perflab.experiments.strategies.experiment import BASE

    rows = []
    for arm in (BASE, NULL, *result.experiment.arms):
        name = {BASE: result.experiment.base, NULL: f"{result.experiment.base}, again"}.get(arm, arm)
        row: dict[str, Any] = {"setting": name}
        for figure in result.experiment.all_figures:
            value = float(np.median(result.column(arm, figure.column)))
            told = "not told" if math.isnan(value) else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
            row[f"{figure.name} ({figure.unit})"] = told
        rows.append(row)
    return rows


def pool_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say which pool is slower than none, and from which size on a larger one gains little."""
    none, *sized = rows
    slower = [row for row in sized if row["p95 low"] > none["p95 high"]]
    best = min(row["p95 (ms)"] for row in sized)
    enough = next(row for row in sized if row["p95 (ms)"] < 1.1 * best)
    worse = ", ".join(f"{row['pool']} connections (p95 {row['p95 (ms)']:,.0f} ms)" for row in slower)
    told = f"slower than no pool at all: {worse}" if worse else "no pool here is surely slower than none"
    return (
        f"With {LIBRARY}, without a pool, p95 is {none['p95 (ms)']:,.0f} ms ({none['p95 low']:,.0f} to "
        f"{none['p95 high']:,.0f}, "
        f"n = {none['requests']:,}); {told}. From {enough['pool']} connections on ({enough['p95 (ms)']:,.0f} ms) a "
        "larger pool gains less than a tenth."
    )


def still_open(study: Study, extra: Sequence[str] = ()) -> str:
    """Name the strategies that the catalogue plans for this notebook and nothing here measures."""
    measured = {one.strategy_of(arm) for one in everything() for arm in one.arms} | set(extra)
    lacking = f" An edge cache cannot be measured here: {edge_cache.missing()}." if edge_cache.missing() else ""
    return f"{unmeasured(study, NOTEBOOK, measured)}{lacking}"
