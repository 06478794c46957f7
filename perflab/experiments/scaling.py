"""From levels to knee, scaling law and capacity; what 11_baseline_load and 40_scalability call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.ladder import Level, level_of
from perflab.experiments.matrix import read_matrix
from perflab.experiments.settling import Settling
from perflab.experiments.study import Study
from perflab.experiments.trial import facts_path, read_trial
from perflab.model.capacity import Capacity, CoreCost, MemoryCost, capacity_statement
from perflab.model.knee import MOST_FAILED, Rung, knee_at_target
from perflab.units import number_text

if TYPE_CHECKING:
    import pandas as pd

    from perflab.model.usl import UslFit

BANDS = 60  # bootstrap refits for the band of the law


@dataclass(frozen=True)
class ResponseTarget:
    """The response target by which levels are judged, in milliseconds."""

    id: str
    limit_ms: float
    text: str


def response_target(study: Study) -> ResponseTarget:
    """Return the first latency target of the unit of work, one on p95 before others; StatisticError without any.

    Levels are held against it by their p95. Where only targets on another percentile exist, the text says so: their
    own verdict is another one.
    """
    from perflab.findings.catalogue import load_targets

    unit = study.system.load.unit_kind
    metrics = [m.metric for m in study.system.measure if m.kind == "latency" and m.rows == unit]
    known = load_targets(study.system.resolve(study.system.targets)) if study.system.targets else ()
    own = [t for t in known if t.metric in metrics and t.domain == study.system.domain]
    for target in sorted(own, key=lambda t: t.verdict_aggregate != "p95"):
        text = target.text
        if target.verdict_aggregate != "p95":
            limit = f"{target.operator} {target.value:g} {target.unit}"
            text = f"{target.metric} p95 {limit}, the limit of a target on {target.verdict_aggregate}"
        return ResponseTarget(target.id, 1e3 * target.canonical_value, text)
    raise StatisticError(
        f"{study.system.name} has no latency target for its {unit}s",
        "",
        "Add a [[measure]] of kind latency and a target for its metric",
    )


def rungs(levels: Sequence[Level]) -> list[Rung]:
    """Return the levels with a finished unit as rungs of a ladder.

    A level without a p95 stays, its value NaN: too many of its units may have failed for one, and then it broke; or
    its p50 lies above the target already, and with it the p95. It has neither CPU nor memory: what it took did not go
    into units that a line over users could rest on.
    """
    return [_rung(x) for x in levels if x.finished]


def _rung(level: Level) -> Rung:
    p95, failed = level.p95, level.failed / level.finished
    if p95 is None:
        least = level.p50.low if level.p50 else None
        return Rung(level.users, math.nan, least, None, level.throughput_per_s, failed=failed, units=level.finished)
    return Rung(
        level.users,
        p95.value,
        p95.low,
        p95.high,
        level.throughput_per_s,
        level.cpu_percent / 100,
        failed,
        level.finished,
        level.memory_mb,
    )


def knee(levels: Sequence[Level], target: ResponseTarget) -> dict[str, Any]:
    """Return the highest level that surely holds the target, in figures and as a sentence."""
    known = rungs(levels)
    found = knee_at_target(known, target.limit_ms) if known else None
    if found is None or not (found.is_bracketed or any(level.p95 for level in levels)):
        return {
            "users": None,
            "claim": "No level finished enough units for a p95 with an interval.",
            "bracketed": False,
        }
    return {
        "users": found.users if found.is_bracketed else None,
        "bracketed": found.is_bracketed,
        "held": found.users,
        "broke": found.above,
        "claim": f"At {target.text} ({target.id}), {found.explanation}.",
    }


def fit(levels: Sequence[Level], study_seed: int = 7) -> dict[str, Any]:
    """Return the scaling law with its band inside the measured range, or why there is none."""
    from perflab.model.usl import fit_usl

    served = [x for x in levels if x.n and x.throughput_per_s > 0]  # work due in a level may all be answered after it
    users, flow = [float(x.users) for x in served], [x.throughput_per_s for x in served]
    if len(users) < 4:
        return {
            "sentence": f"{len(users)} levels cannot bind a law of three parameters; none is drawn.",
            "levels": len(users),
        }
    law = fit_usl(users, flow)
    grid = np.linspace(min(users), max(users), 25)
    band = _band(law, grid, study_seed)
    identified = (
        f"not identified: {', '.join(law.not_identified)}" if law.not_identified else "all parameters identified"
    )
    return {
        "sentence": f"Scaling law inside {min(users):g} to {max(users):g} users: alpha {law.alpha:.2g}, beta "
        f"{law.beta:.2g}, "
        f"{law.gamma:.2g} units/s for one user ({identified}); it says nothing outside that range.",
        "band": [{"users": float(n), "fit": float(f), "low": float(lo), "high": float(hi)} for n, f, lo, hi in band],
        "alpha": law.alpha,
        "beta": law.beta,
        "gamma": law.gamma,
        "not_identified": list(law.not_identified),
        "caveats": list(law.caveats),
        "levels": len(users),
    }


def _band(law: UslFit, grid: np.ndarray, seed: int) -> list[tuple[float, float, float, float]]:
    """Return (users, fit, low, high) along the grid: percentiles of refits to the curve plus resampled residuals."""
    from perflab.model.usl import fit_usl, usl

    n = np.array(law.levels)
    curve = usl(n, law.alpha, law.beta, law.gamma)
    residuals = (np.array(law.throughputs) - curve) * np.sqrt(n.size / max(n.size - 3, 1))
    chance = np.random.default_rng(seed)
    refits = []
    for _ in range(BANDS):
        again = fit_usl(n, np.maximum(curve + chance.choice(residuals, n.size), curve * 1e-3))
        refits.append(usl(grid, again.alpha, again.beta, again.gamma))
    low, high = np.percentile(np.array(refits), [2.5, 97.5], axis=0)
    return list(zip(grid, usl(grid, law.alpha, law.beta, law.gamma), low, high, strict=True))


def middle_level(levels: Sequence[Level]) -> Level:
    """Return the level in the middle of the ladder, with which open arrivals at its rate are compared."""
    return sorted(levels, key=lambda x: x.users)[len(levels) // 2]


def middle_rate(levels: Sequence[Level]) -> float:
    """Return the throughput of the middle level: the rate for open arrivals."""
    return middle_level(levels).throughput_per_s


def throughput_check(levels: Sequence[Level]) -> dict[str, float]:
    """Return throughput per user of each level: a level that counts wrongly stands out before anything is claimed."""
    return {f"{x.users} users": round(x.throughput_per_s / x.users, 4) for x in levels if x.n and x.users}


def levels_by_variant(study: Study) -> dict[str, list[Level]]:
    """Return the levels of every ladder and matrix of the run under default conditions, by variant.

    Levels without a p95 stay: `rungs` says why. Empty when no variant has a level with one.
    """
    found: dict[str, list[Level]] = {}
    for variant in ("baseline", "optimised"):
        levels: list[Level] = []
        if facts_path(study, f"ladder-{variant}").exists():
            trial = read_trial(study, f"ladder-{variant}")
            levels += [level_of(study, trial, s.scenario) for s in trial.spec.segments]
        if facts_path(study, f"matrix-{variant}").exists():
            steady = {s.name for s in study.system.scenario if s.shape == "steady"}
            result = read_matrix(study, read_trial(study, f"matrix-{variant}"))
            levels += [level for name, level in result.levels.items() if name in steady]
        if best := best_levels(levels):
            found[variant] = best
    return found if any(level.p95 for held in found.values() for level in held) else {}


def best_levels(levels: Sequence[Level]) -> list[Level]:
    """Return each number of users once: of several looks the least favourable, by which "at least" stays true.

    That is one of which surely too many units failed, else the one whose p95 may be the largest; of one without a p95
    what its p50 surely exceeds stands for it. Weakness: of two looks at one level the chance that either breaks it
    wrongly is twice that of one.
    """
    least: dict[int, Level] = {}
    for level in (x for x in levels if x.finished):
        if level.users not in least or _against(level) > _against(least[level.users]):
            least[level.users] = level
    return [least[users] for users in sorted(least)]


def _against(level: Level) -> tuple[bool, float]:
    """Return how much a level speaks against a capacity, to be compared with another look at as many users."""
    bound = level.p95.high if level.p95 else level.p50.low if level.p50 else 0.0
    return _rung(level).surely_failed > MOST_FAILED, math.inf if bound is None else bound


@dataclass(frozen=True)
class Capacities:
    """What one core carries, by variant."""

    target: ResponseTarget
    by_variant: dict[str, Capacity]
    levels: dict[str, int]  # how many levels each variant has
    settling: dict[str, tuple[Settling | None, ...]] = field(default_factory=dict)  # of those levels

    def table(self) -> pd.DataFrame:
        """Return the capacities as a short table."""
        import pandas as pd

        return pd.DataFrame([{"variant": name, **row} for name, row in self.rows().items()])

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the capacities as flat rows."""
        return {
            name: {
                "users per core, at least": c.low,
                "breaks at": c.high,
                "limited by": c.limited_by,
                "measured up to": c.measured_up_to,
                "CPU per user (% of a core)": _percent_text(c.cost),
                "memory per user (MB)": _memory_text(c.memory),
            }
            for name, c in self.by_variant.items()
        }

    def sentence(self) -> str:
        """Return one sentence for each variant."""
        return " ".join(f"{name}: {c.explanation}." for name, c in self.by_variant.items())

    def details(self) -> dict[str, Any]:
        """Return everything for a finding."""
        return {name: asdict(c) for name, c in self.by_variant.items()}


def _percent_text(cost: CoreCost | None) -> str | None:
    """Show what a user costs with its 95 % interval, in percent of a core."""
    return None if cost is None else _slope_text(100 * cost.cores_per_user, 100 * cost.low, 100 * cost.high)


def _memory_text(cost: MemoryCost | None) -> str | None:
    """Show the peak memory that a user adds with its 95 % interval, in 10^6 bytes."""
    return None if cost is None else _slope_text(cost.mb_per_user, cost.low, cost.high)


def _slope_text(value: float, low: float, high: float) -> str:
    """Show what a user takes; where it may give something back, few levels leave the lower bound open."""
    if low <= 0:
        return f"{number_text(value)} (at most {number_text(high)})"
    return f"{number_text(value)} ({number_text(low)} to {number_text(high)})"


def capacity(study: Study, held: dict[str, list[Level]], target: ResponseTarget) -> Capacities:
    """State what one core carries within the target, for each variant that has levels."""
    cores = float(len(study.cores.system))
    return Capacities(
        target,
        {name: capacity_statement(rungs(levels), target.limit_ms, cores=cores) for name, levels in held.items()},
        {name: len(levels) for name, levels in held.items()},
        {name: tuple(level.settling for level in levels) for name, levels in held.items()},
    )
