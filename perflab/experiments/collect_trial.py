"""Turn what a trial left behind (binary logs, sensor rows) into its Parquet tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.experiments.settling import settled_segments
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Trial, TrialFacts, TrialSpec, group_name, save_facts

if TYPE_CHECKING:
    import pandas as pd

    from perflab.instrument.resources import ResourceSampler
    from perflab.load.runner import LoadResult


@dataclass(frozen=True)
class Observed:
    """What was read of a trial: the load's own result, the sensor of its processes, and the account of the machine.

    `cpu_s` by process between go and end; `pressure` of a moment before; `disturbance` during the load.
    """

    result: LoadResult
    sampler: ResourceSampler
    cpu_s: dict[str, float]
    pressure: float
    disturbance: dict[str, float]


def collect(study: Study, spec: TrialSpec, folder: Path, seen: Observed) -> Trial:
    """Read the logs of load and stand-ins, join them by (user, seq), mark segments, and write the tables."""
    import numpy as np

    from perflab.load.collect import read_lateness, read_rows
    from perflab.samples.join import join_marks
    from perflab.samples.store import SampleStore

    go_ns, end_ns = seen.result.go_ns, seen.result.end_ns
    units = read_rows(list(seen.result.row_logs))
    logs = {
        p.name: (read_rows([folder / Path(p.log.file).name]), list(p.log.marks)) for p in study.system.process if p.log
    }
    units = join_marks(units, logs, study.system.spans.marks, unit_kind=study.system.load.unit_kind)
    units, settled = labelled(units, spec, go_ns, study.system.load.unit_kind)
    resources = seen.sampler.table(spec.name).to_pandas()
    lateness = read_lateness(seen.result.lateness_logs).frame().assign(trial=spec.name)
    shares = [run_delay_share(resources, p.name, go_ns, end_ns) for p in study.system.system_processes]
    facts = TrialFacts(
        spec=spec,
        go_ns=go_ns,
        end_ns=end_ns,
        cpu_s=seen.cpu_s,
        generator=seen.result.generator.as_dict(),
        shared_core=study.cores.shared,
        run_delay_share=float(np.max(shares)) if shares else float("nan"),  # Python's max would hide a later NaN
        notes=dict(seen.result.notes),
        pressure_before=seen.pressure,
        disturbance=seen.disturbance,
        settled_s=settled,
        cores={"system": seen.sampler.cores("system"), "generator": sorted(study.cores.others)},
    )
    store = SampleStore(study.run.folder("samples"))
    for table, frame in (("units", units), ("resources", resources), ("lateness", lateness)):
        store.write(table, group_name(spec.name), frame)
    save_facts(study, facts)
    return Trial(facts, units, resources, lateness)


def labelled(units: pd.DataFrame, spec: TrialSpec, go_ns: int, kind: str) -> tuple[pd.DataFrame, tuple[float, ...]]:
    """Return the labelled rows with warm-up marked as found, and its length in each segment."""
    rows = label(units, spec, go_ns)
    settled = settled_segments(rows, spec, go_ns, kind)
    if settled != tuple(segment.settle_s for segment in spec.segments):
        rows = label(rows, spec, go_ns, settled)
    return rows, settled


def run_delay_share(resources: pd.DataFrame, process: str, start_ns: int, end_ns: int) -> float:
    """Return how much of its runnable time a process waited for a core during the load, 0..1; NaN with no two rows."""
    rows = resources[(resources["process"] == process) & resources["t_ns"].between(start_ns, end_ns)]
    if len(rows) < 2:
        return float("nan")
    ran, waited = (float(rows[name].iloc[-1] - rows[name].iloc[0]) for name in ("cpu_s", "run_delay_s"))
    return waited / (ran + waited) if ran + waited > 0 else 0.0


def label(units: pd.DataFrame, spec: TrialSpec, go_ns: int, settled: Sequence[float] = ()) -> pd.DataFrame:
    """Return the rows in order of intended start, with trial, variant, condition, segment and warm-up marked.

    A row belongs to the segment in which it was intended to start; rows outside every segment keep an empty
    scenario and count as warm-up, so that nothing measured is dropped. `settled`: seconds of warm-up of each segment;
    empty = as declared.
    """
    import numpy as np

    out = units.sort_values("intended_ns", kind="stable").reset_index(drop=True)
    at_s = (out["intended_ns"].to_numpy() - go_ns) / NS
    scenario = np.full(len(out), "", dtype=object)
    warmup = np.ones(len(out), dtype=bool)
    users = np.zeros(len(out), dtype=np.int32)
    for segment, settle_s in zip(spec.segments, settled or [s.settle_s for s in spec.segments], strict=True):
        inside = (at_s >= segment.start_s) & (at_s < segment.end_s)
        scenario[inside], users[inside] = segment.scenario, segment.users
        warmup[inside] = at_s[inside] < segment.start_s + settle_s
    return out.assign(
        trial=spec.name,
        variant=spec.variant,
        condition=condition_text(spec.conditions),
        scenario=scenario,
        level=users,
        block=np.int32(spec.block),
        arm=spec.arm,
        warmup=warmup,
        at_s=at_s,
    )


def condition_text(conditions: dict[str, str]) -> str:
    """Return conditions as ``latency=aa-fast``; empty for the defaults."""
    return ",".join(f"{name}={value}" for name, value in sorted(conditions.items()))
