"""Time two or more pieces of work against each other: in pairs, interleaved, in random order, with a null arm."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from perflab.errors import UsageError
from perflab.instrument.noise import NoiseReading, NoiseWindow, ThreadWait
from perflab.instrument.paired_times import PairedTimes
from perflab.instrument.timed_trial import TimedTrial, Work, time_calls, time_commands
from perflab.stats.schedule import balanced_blocks

NULL = "A'"
CANARY_ROUNDS = 2_500  # about 0.2 ms, beside trials of a few milliseconds
Tick = Callable[[int, int], None]  # blocks done, blocks in all


@dataclass(frozen=True)
class TimingPlan:
    """`blocks` judged blocks, each with one trial of every arm; `inner` repetitions make one trial.

    `warmups`: blocks before them, kept but marked, never judged. A whole block, because what is cold (caches,
    specialised bytecode, the core's clock) is cold for every arm. One repetition should take at least 0.1 ms, a
    thousand times what reading the clock costs; commands are long enough for `inner` 1.
    `visits`: in how many turns the repetitions of a trial are made, interleaved with those of the block's other arms. A
    core's speed wanders within milliseconds on a shared machine: two trials of 5 ms, one after the other, differ by 2 %
    beside busy neighbours, the same repetitions dealt out in turn by a few tenths of a per cent. A visit should take
    0.3 ms or more (its sensors cost 0.03 ms), so that most of its repetitions find their own caches.
    `limit_s`: no block begins later than that, but `fewest` judged blocks are always measured. It stops by the clock
    alone, never by what was seen, so nothing is biased by it.
    """

    blocks: int
    inner: int = 15
    visits: int = 1
    warmups: int = 2
    seed: int = 7
    limit_s: float = math.inf
    fewest: int = 6


def time_paired(arms: Mapping[str, Work], plan: TimingPlan, tick: Tick | None = None) -> PairedTimes:
    """Time every arm in every block, in the order of `balanced_blocks`, and return every repetition.

    With more than one visit the order turns round from visit to visit (A B, B A, A B ...), so that a drift within the
    block favours no arm either.

    `arms`: name to a function without arguments (called in this process) or to the words of a command (started afresh
    each time). Add the null arm yourself, as a second object of the same work under the name NULL: `with_null` does.
    Why interleaved: what disturbs the machine then disturbs all arms alike, and the ratio within a block cancels it;
    AAA BBB takes a machine that changes for a difference between arms. Weakness: arms in one process share its
    memory and caches, so one arm's leftovers may slow the next (the random order spreads that, it does not remove
    it); time commands where that matters.
    Raises UsageError for fewer than one block or repetition, or fewer than two arms; a work's own error passes.
    """
    if plan.blocks < 1 or plan.warmups < 0 or not 1 <= plan.visits <= plan.inner:
        raise UsageError(f"{plan.blocks} blocks of {plan.inner} repetitions in {plan.visits} visits, {plan.warmups} of "
                         "warm-up", "at least one block, and one repetition a visit")  # fmt: skip
    names = tuple(arms)
    order = balanced_blocks(names, plan.blocks + plan.warmups, plan.seed)
    wall = np.zeros((len(order), len(names), plan.inner), dtype=np.int64)
    place, length, cpu, waited = np.zeros((4, len(order), len(names)), dtype=np.int64)
    sensors: list[NoiseReading] = []
    wait, began = ThreadWait(), time.monotonic()
    try:
        for block, members in enumerate(order):
            if time.monotonic() - began > plan.limit_s and block >= plan.warmups + plan.fewest:
                break
            window = NoiseWindow(canary_rounds=CANARY_ROUNDS, canary_first=True)
            place[block, [names.index(name) for name in members]] = range(len(members))
            for span, name in _turns(members, plan):
                arm = names.index(name)
                visit = _trial(arms[name], span.stop - span.start, wait)
                wall[block, arm, span] = visit.wall_ns
                length[block, arm] += visit.length_ns
                cpu[block, arm] += visit.cpu_ns
                waited[block, arm] += visit.wait_ns
            sensors.append(window.read())
            if tick is not None:
                tick(block + 1, len(order))
    finally:
        wait.close()
    n = len(sensors)
    return PairedTimes(names, plan.warmups, wall[:n], cpu[:n], length[:n], waited[:n], place[:n], tuple(sensors))


def with_null(arms: Mapping[str, Work], baseline: str) -> dict[str, Work]:
    """Return the arms with the null arm: the baseline's work once more, under the name NULL."""
    if baseline not in arms or NULL in arms:
        raise UsageError(f"No baseline {baseline!r} to repeat as {NULL}", f"arms are {', '.join(arms)}")
    return {baseline: arms[baseline], NULL: arms[baseline], **arms}


def _turns(members: tuple[str, ...], plan: TimingPlan) -> Iterator[tuple[slice, str]]:
    """Yield who is timed next in a block, and which of its repetitions: every visit turns the order round."""
    edges = [plan.inner * visit // plan.visits for visit in range(plan.visits + 1)]
    for visit, (start, stop) in enumerate(pairwise(edges)):
        for name in members if visit % 2 == 0 else reversed(members):
            yield slice(start, stop), name


def _trial(work: Work, repetitions: int, wait: ThreadWait) -> TimedTrial:
    return time_calls(work, repetitions, wait) if callable(work) else time_commands(work, repetitions)
