"""Screening of single flags by CPU per unit of work: all arms at once, in the same seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perflab.errors import StatisticError
from perflab.experiments.blocks import equal_to_own
from perflab.experiments.null_arm import CPU_MARGIN, NULL, chance_alone, failed_null, null_check, voided
from perflab.experiments.screen_load import fitted, user_cores
from perflab.experiments.side_by_side import run_side_by_side
from perflab.experiments.study import Study
from perflab.experiments.trial import NS, Segment, Trial, TrialSpec, facts_path, run_trial
from perflab.experiments.units_of_work import Window, failures, system_cpu_in_window, units_done
from perflab.findings.finding import TrustCheck
from perflab.findings.trust import FAILED_APART
from perflab.stats.compare import Comparison, compare_paired
from perflab.stats.selection import Screened, screen_family
from perflab.system.spec import System
from perflab.system.variant import BASELINE, FlagPair, every_value_pairs, flag_pair, single_flag_pairs

UNITS_IN_WINDOW = 1.0  # the fewest to be expected in a window of an arm


@dataclass(frozen=True)
class FlagEffect:
    """What one value of a flag seems to do to the CPU of a unit of work: a screening, not an effect."""

    pair: FlagPair
    strategy: str
    screened: Screened
    equal_answers: tuple[int, int]
    exact: bool = True  # whether it promises to leave every answer as it was

    @property
    def flag(self) -> str:
        """The flag's name."""
        return self.pair.flag

    @property
    def value(self) -> str:
        """The flag's value."""
        return self.pair.value

    @property
    def comparison(self) -> Comparison:
        """The comparison, its verdict taken back where it does not survive the number of flags."""
        return self.screened.comparison

    @property
    def arm(self) -> str:
        """The arm in blocks and windows: ``flag=value``, after what it needs."""
        return self.pair.changed.arm

    @property
    def base(self) -> str:
        """The arm that it is compared with: the baseline, or the baseline with what the value needs."""
        return self.pair.base.arm


@dataclass(frozen=True)
class Screening:
    """The effects of all flags, the largest saving first, and the null arm's; `more_nulls`: those of further groups."""

    effects: tuple[FlagEffect, ...]
    null: Comparison
    windows: int
    users: int
    trials: tuple[str, ...]
    more_nulls: tuple[Comparison, ...] = ()
    left_out: tuple[str, ...] = ()  # values that a screening of the system's own CPU would flatter
    without_work: tuple[str, ...] = ()  # arms without work in a window, or with work refused: no cost to compare
    refusing: bool = False  # one of these refused work

    @property
    def null_checks(self) -> tuple[TrustCheck, ...]:
        """The null arm of each group's windows: several groups are several chances to fail, and corrected for it."""
        return group_checks((self.null, *self.more_nulls))

    @property
    def failed_null(self) -> str:
        """What the null arm got wrong; empty when it holds."""
        return failed_null(self.null_checks)

    def chosen(self, most: int) -> tuple[FlagEffect, ...]:
        """Return the flags to confirm on fresh blocks, at most `most`, in the order of the screening."""
        return tuple(effect for effect in self.effects if effect.screened.chosen)[:most]


def group_checks(nulls: Sequence[Comparison]) -> tuple[TrustCheck, ...]:
    """Return the check on each group's null arm: the one rule by which its flags lose their verdicts, too."""
    names = ["CPU, screening", *(f"CPU, screening, group {i}" for i in range(2, len(nulls) + 1))]
    chance = chance_alone(nulls) if len(nulls) > 1 else [False] * len(nulls)
    return tuple(null_check(c, name, chance=by) for c, name, by in zip(nulls, names, chance, strict=True))


@dataclass(frozen=True)
class ScreenPlan:
    """How flags are screened: windows of `window_s` seconds under `users`, at most `together` flags at a time.

    `margin`: what one process may differ from its twin by: an interval within it shows no direction, and of the null
    arm no failure.
    """

    users: int
    windows: int
    window_s: float
    margin: float
    every_value: bool = False  # all values of every flag, not only the optimised one
    together: int = 0  # 0 = all of them side by side


def screen_flags(study: Study, plan: ScreenPlan) -> Screening:
    """Run baseline, a second baseline, and baseline plus each flag side by side, and compare window by window.

    Why side by side: CPU time is charged to the process that used it whoever else ran, so that all arms can share
    the same seconds, and whatever slows a core slows all of them; it costs one start instead of one for each arm.
    Where there are more flags than can run `together`, groups of them do, each with its own baseline and null arm.
    Weakness: one process for each arm, so the spread from process to process is not in the interval, and latency
    cannot be compared here. Good for finding what to confirm in fresh blocks, not for publishing an effect.
    """
    pairs, left = _own_work(study.system) if plan.every_value else (single_flag_pairs(study.system), ())
    plan = fitted(plan, lambda most: _most_arms(pairs, most), user_cores(study), len(study.cores.system))
    plan = replace(plan, window_s=max(plan.window_s, shortest_window_s(study.system, plan.users)))
    size = plan.together or max(len(pairs), 1)
    groups = [
        _screen_group(study, plan, pairs[at : at + size], at // size) for at in range(0, max(len(pairs), 1), size)
    ]
    nulls = [group.null for group in groups]
    # What any flag's base is, the machine in the seconds of its group is one.
    compared = {
        name: voided(c, failed_null((check,)))
        for group, check in zip(groups, group_checks(nulls), strict=True)
        for name, c in group.compared.items()
    }
    found = screen_family(compared, lower_is_better=True, most=len(pairs)) if compared else ()
    equal = {name: counts for group in groups for name, counts in group.equal.items()}
    effects = tuple(
        flag_effect(study, replace(item, chosen=worth_confirming(item)), equal.get(item.name, (0, 0))) for item in found
    )
    trials = tuple(name for group in groups for name in group.trials)
    idle = tuple(said for group in groups for said in group.without_work)
    refusing = any(group.refusing for group in groups)
    return Screening(effects, nulls[0], plan.windows, plan.users, trials, tuple(nulls[1:]), left, idle, refusing)


def worth_confirming(screened: Screened) -> bool:
    """Say whether an arm passed and seems to gain what would matter if it were confirmed.

    A gain whose interval lies within the screening's margin points nowhere by itself, as identical processes differ by
    as much; fresh ones tell.
    """
    seen = screened.comparison
    return screened.passed and seen.verdict != "untrusted" and seen.effect <= 1 / (1 + CPU_MARGIN)


def _most_arms(pairs: Sequence[FlagPair], together: int) -> int:
    """Return how many arms the largest group starts."""
    size = together or max(len(pairs), 1)
    return max((len(arms_of(pairs[at : at + size])) for at in range(0, len(pairs), size)), default=2)


def shortest_window_s(system: System, users: int) -> float:
    """Return the shortest window in which work of an arm is to be expected: the time of one unit of its users.

    Three users whose units take 5 s: 1.7 s.
    """
    return UNITS_IN_WINDOW * system.load.probe_seconds / users


def _own_work(system: System) -> tuple[list[FlagPair], tuple[str, ...]]:
    """Return every value but those that move work into a server, and the latter by name.

    A window's CPU is that of the system's processes: the screening would see the work vanish, whichever cores the
    server runs on. A laboratory weighs it.
    """
    pairs, left = [], []
    for pair in every_value_pairs(system):
        moved = [s.name for s in system.server
                 if s.needed_by(pair.changed.flags) and not s.needed_by(pair.base.flags)]  # fmt: skip
        if moved:
            left.append(f"{pair.flag}={pair.value} moves work into {' and '.join(moved)}")
        else:
            pairs.append(pair)
    return pairs, tuple(left)


@dataclass(frozen=True)
class _Group:
    """What one group of flags showed beside its own baseline: by arm, and the null arm."""

    compared: dict[str, Comparison]
    equal: dict[str, tuple[int, int]]
    null: Comparison
    trials: tuple[str, ...]
    without_work: tuple[str, ...] = ()
    refusing: bool = False


def _screen_group(study: Study, plan: ScreenPlan, pairs: Sequence[FlagPair], number: int) -> _Group:
    arms = arms_of(pairs)
    settle = 3.0
    length = settle + plan.windows * plan.window_s
    label = "screen" if number == 0 else f"screen{number + 1}"
    base = TrialSpec(
        name="",
        variant="",
        steps=((0.0, plan.users), (length, 0)),
        duration_s=length,
        segments=(Segment("screen", 0.0, length, plan.users, settle),),
        seed=study.seed * 1000 + 999,
        drain_s=4.0,
    )
    specs = [
        replace(base, name=f"{label}-{arm.replace('=', '-')}", variant=name, arm=arm) for arm, name in arms.items()
    ]
    study.progress("flags", number, number + 1, f"{len(arms)} variants side by side", length + 4 * len(arms))
    # Side by side or not at all: a resumed run that lacks one arm measures all of them again.
    again = not all(facts_path(study, spec.name).exists() for spec in specs)
    places = len({*study.cores.system, *study.cores.others})
    trials = run_side_by_side(specs, lambda spec, meeting: run_trial(study, spec, again=again, meeting=meeting), places)
    spans = [_spans(trial, settle, plan.windows, plan.window_s) for trial in trials]
    refused = _refused_apart(study, trials, pairs)
    cost, idle = _costs(study, trials, spans, pairs, refused)
    null = compare_paired(cost[BASELINE], cost[NULL], lower_is_better=True, margin=plan.margin)
    compared = {
        p.changed.arm: compare_paired(cost[p.base.arm], cost[p.changed.arm], lower_is_better=True, margin=plan.margin)
        for p in pairs
        if p.base.arm in cost and p.changed.arm in cost and p.changed.arm not in refused
    }
    equal = equal_to_own(trials, {p.changed.arm: p.base.arm for p in pairs})
    return _Group(compared, equal, null, tuple(t.spec.name for t in trials), idle, bool(refused))


def _refused_apart(study: Study, trials: Sequence[Trial], pairs: Sequence[FlagPair]) -> dict[str, str]:
    """Return the arms that refused another share of their units than their base did, and what to say of each.

    Who is refused stays away: such an arm had other users than its base, and what a unit costs depends on how many
    there are. Counted over the whole trial, as who was refused before the windows may still be away in them.
    Weakness: it goes by attempts, so that one arm whose users all came in at the second is left out as well.
    """
    shares: dict[str, float] = {}
    for trial in trials:
        rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
        shares[trial.spec.arm] = int((rows["outcome"] == "shed").sum()) / max(failures(rows)[1], 1)
    return {
        p.changed.arm: f"{p.changed.arm} refused {shares[p.changed.arm]:.0%} of its {study.system.unit}s and "
        f"{p.base.arm} {shares[p.base.arm]:.0%}, so that they did not serve the same users"
        for p in pairs
        if abs(shares[p.changed.arm] - shares[p.base.arm]) > FAILED_APART
    }


def _costs(
    study: Study,
    trials: Sequence[Trial],
    spans: Sequence[list[Window]],
    pairs: Sequence[FlagPair],
    refused: Mapping[str, str],
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return the CPU of a unit by arm, window by window, and of each arm that cannot be compared why not.

    Without work in a window it has no cost of a unit there. Where that is the baseline or its null arm, it raises.
    One of `refused` may have a cost, as the base of others that refuse alike.
    """
    cost: dict[str, np.ndarray] = {}
    idle = list(refused.values())
    for trial, own in zip(trials, spans, strict=True):
        try:
            cost[trial.spec.arm] = _cpu_per_unit(study, trial, own)
        except StatisticError as error:
            if trial.spec.arm in (BASELINE, NULL):
                raise
            if trial.spec.arm not in refused:
                idle.append(error.given[0].lower() + error.given[1:])
    alone = [p for p in pairs if p.changed.arm in cost and p.base.arm not in cost and p.changed.arm not in refused]
    idle += [f"{p.changed.arm} has no {p.base.arm} to be compared with" for p in alone]
    return cost, tuple(idle)


def arms_of(pairs: Sequence[FlagPair]) -> dict[str, str]:
    """Return arm name to variant: the baseline twice, what the flags need, and the flags; no variant more than that."""
    arms = {BASELINE: BASELINE, NULL: BASELINE}
    for pair in pairs:
        arms |= {v.arm: v.name for v in (pair.base, pair.changed)}
    return arms


def flag_effect(study: Study, screened: Screened, equal_answers: tuple[int, int]) -> FlagEffect:
    """Return a screened arm, whose name ends in ``flag=value``, with the strategy that its value realises."""
    name, _, value = screened.name.rpartition("+")[2].partition("=")
    flag = next(f for f in study.system.flag if f.name == name)
    known, pair = flag.value_of(value), flag_pair(study.system, name, value)
    return FlagEffect(pair, known.strategy, screened, equal_answers, known.equivalence == "exact")


def _spans(trial: Trial, settle: float, windows: int, window_s: float) -> list[Window]:
    starts = [trial.facts.go_ns + int((settle + i * window_s) * NS) for i in range(windows)]
    return [Window(start, start + int(window_s * NS)) for start in starts]


def _cpu_per_unit(study: Study, trial: Trial, spans: list[Window]) -> np.ndarray:
    """Return the system's CPU for a unit that did not fail, s, by window: of failed work there is no cost of a unit."""
    rows = trial.units[trial.units["kind"] == study.system.load.unit_kind]
    rows = rows[rows["outcome"].isin(("ok", "interrupted"))]
    done = [units_done(rows, span) for span in spans]
    if not all(units > 0 for units in done):
        missing = sum(not units > 0 for units in done)
        raise StatisticError(f"No unit of {trial.spec.arm} was done in {missing} of {len(done)} windows",
                             "CPU per unit needs work in every window",
                             "Use longer windows, or look at the trial's logs")  # fmt: skip
    return np.array([system_cpu_in_window(trial, study.system, s) / n for s, n in zip(spans, done, strict=True)])
