"""What a way takes of memory while it works: rounds of their own, on connections that are opened anew for each."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from perflab.experiments.null_arm import NULL
from perflab.experiments.state_database.contest import MEMORY, Contest, Work, held
from perflab.experiments.strategies.experiment import BASE, FigureSpec
from perflab.experiments.strategies.run import ExperimentResult, Sizes
from perflab.instrument.high_water import own_bytes, reset_high_water, resident
from perflab.stats.schedule import balanced_blocks, block_seed

ROUNDS = 12  # a step seen in every round passes Holm over a hundred ways, 100 * 2^(1 - 12) <= 0.05
WORKING = FigureSpec(MEMORY, "working memory", "MB", 5.0, in_units=True)  # half of a connection of PostgreSQL
CAVEAT = (
    "private memory of client and server above what stood before the way began, on connections opened anew; buffers "
    "that a server shares are its setting's, and a process that starts and ends within the way is not seen"
)


def memory_rounds(
    contest: Contest, renew: Callable[[], None], seed: int, rounds: int = ROUNDS
) -> ExperimentResult | None:
    """Run every way `rounds` times; return by how many MB the private memory of client and servers rose meanwhile.

    The peak of each process (the kernel's high-water mark, reset before) without files and shared pages, less what
    stood, summed; with what the way keeps between its turns (`Contest.standing`). `renew` opens the connections anew:
    a process that has sorted once keeps the room (glibc: up to 32 MB), and would show nothing the next time.
    None where the machine does not let the mark be reset.
    Weakness: what the client's allocator keeps in fragments from one way to the next is in none of them; the peaks of
    client and server are added, though they need not be at one moment, which reads high by the smaller at most.
    """
    pids = (os.getpid(), *contest.family())
    if not all(reset_high_water(pid) for pid in pids):
        return None
    arms = contest.arms
    rows = [
        _round(contest, name, arms[name], renew, block, np.random.default_rng(block_seed(seed, block)))
        for block, names in enumerate(balanced_blocks(list(arms), rounds, seed))
        for name in names
    ]
    return memory_result(contest, rows)


def memory_result(contest: Contest, rows: Sequence[dict[str, Any]]) -> ExperimentResult:
    """Return rows that `memory_rounds` measured as its result."""
    rounds = 1 + max(int(row["block"]) for row in rows)
    return held(contest, (WORKING,), rows, Sizes(rounds, 0.0, fresh=True))


def _round(
    contest: Contest, name: str, work: Work, renew: Callable[[], None], block: int, rng: np.random.Generator
) -> dict[str, Any]:
    contest.prepare(name)
    renew()
    _hand_back()
    stood = {pid: own_bytes(pid) for pid in (os.getpid(), *contest.family()) if reset_high_water(pid)}
    done = work(rng)
    risen = sum(max(_own_peak(pid) - stood.get(pid, 0), 0) for pid in (os.getpid(), *contest.family()))
    kept = contest.standing.get(contest.base if name in (BASE, NULL) else name, 0.0)
    return {"arm": name, "block": block, "requests": done.ms.size, "failed": 0, "answers": done.answers,
            WORKING.column: risen / 1e6 + kept}  # fmt: skip


def _hand_back() -> None:
    """Give free memory of this process back to the system, so that what a way takes is seen as a rise."""
    gc.collect()
    with suppress(OSError, AttributeError):  # a C library without it keeps a little more
        ctypes.CDLL(None).malloc_trim(0)


def _own_peak(pid: int) -> int:
    seen = resident(pid)
    return seen.own_peak if seen else 0
