"""Time two or more pieces of work against each other: in pairs, interleaved, in random order, with a null arm."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    """`blocks` judged blocks, each with every arm once; `inner` repetitions make one trial.

    `warmups`: blocks before them, kept but marked, never judged. A whole block, because what is cold (caches,
    specialised bytecode, the core's clock) is cold for every arm. One repetition should take at least 0.1 ms, a
    thousand times what reading the clock costs; commands are long enough for `inner` 1.
    `limit_s`: no block begins later than that, but `fewest` judged blocks are always measured. It stops by the clock
    alone, never by what was seen, so nothing is biased by it.
    """

    blocks: int
    inner: int = 15
    warmups: int = 2
    seed: int = 7
    limit_s: float = math.inf
    fewest: int = 6


def time_paired(arms: Mapping[str, Work], plan: TimingPlan, tick: Tick | None = None) -> PairedTimes:
    """Time every arm once in every block, in the order of `balanced_blocks`, and return every repetition.

    `arms`: name to a function without arguments (called in this process) or to the words of a command (started afresh
    each time). Add the null arm yourself, as a second object of the same work under the name NULL: `with_null` does.
    Why interleaved: what disturbs the machine then disturbs all arms alike, and the ratio within a block cancels it;
    AAA BBB takes a machine that changes for a difference between arms. Weakness: arms in one process share its
    memory and caches, so one arm's leftovers may slow the next (the random order spreads that, it does not remove
    it); time commands where that matters.
    Raises UsageError for fewer than one block or repetition, or fewer than two arms; a work's own error passes.
    """
    if plan.blocks < 1 or plan.inner < 1 or plan.warmups < 0:
        raise UsageError(f"{plan.blocks} blocks of {plan.inner} repetitions, {plan.warmups} of warm-up",
                         "at least one block and one repetition")  # fmt: skip
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
            for position, name in enumerate(members):
                arm = names.index(name)
                trial = _trial(arms[name], plan.inner, wait)
                place[block, arm], wall[block, arm] = position, trial.wall_ns
                length[block, arm], cpu[block, arm], waited[block, arm] = trial.length_ns, trial.cpu_ns, trial.wait_ns
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


def _trial(work: Work, repetitions: int, wait: ThreadWait) -> TimedTrial:
    return time_calls(work, repetitions, wait) if callable(work) else time_commands(work, repetitions)
