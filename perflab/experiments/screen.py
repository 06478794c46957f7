"""Screening of single flags by CPU per unit of work: all arms at once, in the same seconds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.blocks import equivalence
from perflab.experiments.null_arm import NULL, failed_null, null_check
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec, facts_path, run_trial
from perflab.experiments.units_of_work import Window, system_cpu_in_window, units_done
from perflab.findings.finding import TrustCheck
from perflab.stats.compare import Comparison, compare_paired
from perflab.stats.selection import Screened
from perflab.stats.selection import screen as select
from perflab.system.variant import single_flag_variants


@dataclass(frozen=True)
class FlagEffect:
    """What one flag seems to do to the CPU of a unit of work, on top of the baseline: a screening, not an effect."""

    flag: str
    value: str
    strategy: str
    screened: Screened
    equal_answers: tuple[int, int]

    @property
    def comparison(self) -> Comparison:
        """The comparison, its verdict taken back where it does not survive the number of flags."""
        return self.screened.comparison

    @property
    def arm(self) -> str:
        """The flag's arm in blocks and windows: ``flag=value``."""
        return f"{self.flag}={self.value}"


@dataclass(frozen=True)
class Screening:
    """The effects of all flags, the largest saving first, and the null arm's."""

    effects: tuple[FlagEffect, ...]
    null: Comparison
    windows: int
    users: int
    trials: tuple[str, ...]

    @property
    def null_checks(self) -> tuple[TrustCheck, ...]:
        """The null arm of the windows."""
        return (null_check(self.null, "CPU, screening"),)

    @property
    def failed_null(self) -> str:
        """What the null arm got wrong; empty when it holds."""
        return failed_null(self.null_checks)

    def chosen(self, most: int) -> tuple[FlagEffect, ...]:
        """Return the flags to confirm on fresh blocks, at most `most`, in the order of the screening."""
        return tuple(effect for effect in self.effects if effect.screened.chosen)[:most]


def screen_flags(study: Study, *, users: int, windows: int, window_s: float, margin: float) -> Screening:
    """Run baseline, a second baseline, and baseline plus each flag side by side, and compare window by window.

    Why side by side: CPU time is charged to the process that used it whoever else ran, so that all arms can share
    the same seconds, and whatever slows a core slows all of them; it costs one start instead of one for each arm.
    Weakness: one process for each arm, so the spread from process to process is not in the interval, and latency
    cannot be compared here. Good for finding what to confirm in fresh blocks, not for publishing an effect.
    """
    flags = single_flag_variants(study.system)
    arms = {"baseline": "baseline", NULL: "baseline", **{v.name.partition("+")[2]: v.name for v in flags}}
    settle = 3.0
    length = settle + windows * window_s
    base = TrialSpec(
        name="",
        variant="",
        steps=((0.0, users), (length, 0)),
        duration_s=length,
        segments=(Segment("screen", 0.0, length, users, settle),),
        seed=study.seed * 1000 + 999,
        drain_s=4.0,
    )
    specs = [
        replace(base, name=f"screen-{arm.replace('=', '-')}", variant=variant, arm=arm) for arm, variant in arms.items()
    ]
    study.progress("flags", 0, 1, f"{len(arms)} variants side by side", length + 4 * len(arms))
    # Side by side or not at all: a resumed run that lacks one arm measures all of them again.
    again = not all(facts_path(study, spec.name).exists() for spec in specs)
    # One thread for each arm lives until its trial is over, which keeps the death signal of its processes valid.
    with ThreadPoolExecutor(len(specs)) as pool:
        trials = list(pool.map(lambda spec: run_trial(study, spec, again=again), specs))
    spans = [_spans(trial, settle, windows, window_s) for trial in trials]
    cost = {t.spec.arm: _cpu_per_unit(study, t, s) for t, s in zip(trials, spans, strict=True)}
    equal = equivalence(trials, "baseline")
    found = select(
        cost["baseline"],
        {v.name.partition("+")[2]: cost[v.name.partition("+")[2]] for v in flags},
        lower_is_better=True,
        margin=margin,
        null_arm=cost[NULL],
        most=len(flags),  # every flag that passes and gains is worth its confirmation
    )
    effects = tuple(flag_effect(study, item, equal.get(item.name, (0, 0))) for item in found)
    null = compare_paired(cost["baseline"], cost[NULL], lower_is_better=True, margin=margin)
    return Screening(effects, null, windows, users, tuple(t.spec.name for t in trials))


def flag_effect(study: Study, screened: Screened, equal_answers: tuple[int, int]) -> FlagEffect:
    """Return a screened arm ``flag=value`` with the strategy that its value realises."""
    name, _, value = screened.name.partition("=")
    flag = next(f for f in study.system.flag if f.name == name)
    return FlagEffect(name, value, flag.value_of(value).strategy, screened, equal_answers)


def _spans(trial: Trial, settle: float, windows: int, window_s: float) -> list[Window]:
    starts = [trial.facts.go_ns + int((settle + i * window_s) * NS) for i in range(windows)]
    return [Window(start, start + int(window_s * NS)) for start in starts]


def _cpu_per_unit(study: Study, trial: Trial, spans: list[Window]) -> np.ndarray:
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    done = [units_done(rows, span) for span in spans]
    if not all(units > 0 for units in done):
        missing = sum(not units > 0 for units in done)
        raise StatisticError(f"No unit ended in this window of {trial.spec.arm} ({missing} of {len(done)} windows)",
                             "CPU per unit needs work in every window",
                             "Use longer windows, or look at the trial's logs")  # fmt: skip
    return np.array([system_cpu_in_window(trial, study.system, s) / n for s, n in zip(spans, done, strict=True)])
