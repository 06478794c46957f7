"""The load matrix: every scenario of a system, one after the other, on one started variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perflab.experiments.effort import SHORTEST_SCENARIO_S
from perflab.experiments.ladder import Level, level_of
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec, run_trial
from perflab.experiments.units_of_work import SILENT_AFTER_S, failed_rows, failures, judged_rows, response_ms
from perflab.system.tables.load import Scenario

if TYPE_CHECKING:
    import pandas as pd

PROBE_USERS = 10  # stay on before, during and after a spike: their turns show when it is over
FEWEST_PROBES = 5  # a p95 of fewer later units is no sign of anything
NEVER_MS = 1e12  # the response of a probe that failed: beyond every limit, but a number that quantiles can weigh
REST_S = 4.0  # between scenarios, for the units under way to end


@dataclass(frozen=True)
class Recovery:
    """How a spike passed: p95 before, p95 during, and when the p95 of probes was back.

    The p95 before and during are those of units that did not fail; `lost`: units that failed during and after it.
    """

    before_p95_ms: float
    during_p95_ms: float
    limit_ms: float  # back = the p95 of probes from here on is at or below this
    recovered_s: float | None  # seconds after the spike's end; None = not within the time observed
    observed_s: float
    lost: int


@dataclass(frozen=True)
class MatrixResult:
    """All scenarios of one variant under one condition."""

    variant: str
    conditions: dict[str, str]
    levels: dict[str, Level]
    requests: dict[str, Level]  # the same scenarios, HTTP requests beside the main load
    recovery: Recovery | None
    trial: str
    spikes: tuple[str, ...] = ()  # of the scenarios, those whose users come and go

    @property
    def steady(self) -> list[Level]:
        """The levels with a median, from the fewest users on; a spike is a ramp with probes beside it, and no level."""
        held = (level for name, level in self.levels.items() if name not in self.spikes and level.p50)
        return sorted(held, key=lambda level: level.users)


def spike_told(spec: TrialSpec, spike: str) -> str:
    """Say how many users the plan of a trial has before, in and after a spike; its probes are among them.

    The segment of the spike counts those alone who come for it.
    """
    starts = {s.scenario: s.start_s for s in spec.segments}
    before, during, after = (
        next(users for at, users in reversed(spec.steps) if at <= starts[name])
        for name in (f"before {spike}", spike, f"after {spike}")
    )
    return f"{before} to {during} to {after} users, {before} of them probes that stay on"


def matrix_spec(
    study: Study, variant: str, conditions: dict[str, str], scenarios: Sequence[Scenario], settle_s: float
) -> TrialSpec:
    """Return one load run that passes through all scenarios, each at its stated or shortened length."""
    steps: list[tuple[float, int]] = []
    segments: list[Segment] = []
    at = 0.0
    for scenario in scenarios:
        length = max((scenario.quick_s if study.quick else scenario.duration_s) * study.time_scale, SHORTEST_SCENARIO_S)
        if scenario.shape == "spike":
            steps, segments, at = _spike(steps, segments, at, scenario, length)
            continue
        steps.append((at, scenario.users))
        segments.append(Segment(scenario.name, at, at + length, scenario.users, min(settle_s, length / 3)))
        at += length
    suffix = "".join(f"-{value}" for value in conditions.values())
    return TrialSpec(
        name=f"matrix-{variant}{suffix}",
        variant=variant,
        steps=(*steps, (at, 0)),
        duration_s=at,
        segments=tuple(segments),
        users=dict(study.system.load.users),
        conditions=conditions,
        seed=study.seed,
        drain_s=SILENT_AFTER_S,
    )


def _spike(
    steps: list[tuple[float, int]], segments: list[Segment], at: float, scenario: Scenario, length: float
) -> tuple[list[tuple[float, int]], list[Segment], float]:
    """Append probes only, the spike, probes only: 0 to `users` to 0 on top of a few probes that stay."""
    rise, fall, end = at + REST_S + 0.25 * length, at + REST_S + 0.6 * length, at + REST_S + length
    steps = [*steps, (at, PROBE_USERS), (rise, scenario.users + PROBE_USERS), (fall, PROBE_USERS)]
    segments = [
        *segments,
        Segment(f"before {scenario.name}", at + REST_S, rise, PROBE_USERS),
        Segment(scenario.name, rise, fall, scenario.users),
        Segment(f"after {scenario.name}", fall, end, PROBE_USERS),
    ]
    return steps, segments, end


def run_matrix(
    study: Study,
    variant: str,
    conditions: dict[str, str],
    *,
    settle_s: float = 4.0,
    scenarios: Sequence[Scenario] | None = None,
) -> MatrixResult:
    """Run the scenarios (all of the system's by default) on one variant and return their figures."""
    spec = matrix_spec(study, variant, conditions, scenarios or study.system.scenario, settle_s)
    label = f"load matrix, {variant}" + (f", {','.join(conditions.values())}" if conditions else "")
    trial = run_trial(
        study,
        spec,
        on_tick=lambda at: study.progress(
            label, min(at, spec.duration_s), spec.duration_s, _now(spec, at), max(spec.duration_s - at, 0)
        ),
    )
    return read_matrix(study, trial)


def read_matrix(study: Study, trial: Trial) -> MatrixResult:
    """Return the figures of a finished matrix trial."""
    names = [s.scenario for s in trial.spec.segments if not s.scenario.startswith(("before ", "after "))]
    levels = {name: level_of(study, trial, name) for name in names}
    requests = {name: level_of(study, trial, name, "request") for name in names}
    spikes = [s.name for s in study.system.scenario if s.shape == "spike" and s.name in names]
    recovery = recovery_of(study, trial, spikes[0]) if spikes else None
    return MatrixResult(
        trial.spec.variant, trial.spec.conditions, levels, requests, recovery, trial.spec.name, tuple(spikes)
    )


def recovery_of(study: Study, trial: Trial, spike: str) -> Recovery:
    """Return how long after a spike the p95 of probe units was back; a probe that failed took for ever.

    Back means: the first moment from which the p95 of all later probes is at most 10 % above the calm p95. Calm is
    what was seen before the spike and, where the run has it, in the first steady scenario: a few probes alone bound
    a p95 badly. The limit is stated with the result; the resolution is one unit (seconds).
    """
    import pandas as pd

    kind = study.system.load.unit_kind
    before, during, after = (judged_rows(trial, kind, name) for name in (f"before {spike}", spike, f"after {spike}"))
    first = study.system.scenario[0].name
    calm = pd.concat([before, judged_rows(trial, kind, first)]) if first != spike else before
    limit = 1.1 * _p95(response_ms(calm))
    segment = next(s for s in trial.spec.segments if s.scenario == f"after {spike}")
    intended_ns, times = _probes(after)
    at_s = (intended_ns - trial.facts.go_ns) / NS - segment.start_s
    back = next((float(at_s[i]) for i in range(len(times) - FEWEST_PROBES + 1) if _p95(times[i:]) <= limit), None)
    lost = failures(during)[0] + failures(after)[0]
    return Recovery(
        _p95(response_ms(calm)), _p95(response_ms(during)), limit, back, segment.end_s - segment.start_s, lost
    )


def _probes(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return when each finished probe was due (ns) and its response (ms), in order; `NEVER_MS` for one that failed."""
    failed = failed_rows(rows)
    finished = failed | (rows["outcome"] != "unfinished")
    rows, failed = rows[finished], failed[finished]
    times = np.full(len(rows), NEVER_MS)
    times[~failed.to_numpy()] = response_ms(rows)
    return rows["intended_ns"].to_numpy(dtype=np.int64), times


def _p95(times: np.ndarray) -> float:
    return float(np.quantile(times, 0.95)) if len(times) else float("nan")


def _now(spec: TrialSpec, at: float) -> str:
    inside = [s.scenario for s in spec.segments if s.start_s <= at < s.end_s]
    return inside[0] if inside else ""
