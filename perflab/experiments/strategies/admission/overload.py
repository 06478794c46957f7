"""More calls than one core carries: let everybody wait, or refuse some at the door; and what that costs below it."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import numpy as np

from perflab.experiments.strategies.admission.callers import PATIENCE_S, Heard, hold_calls
from perflab.experiments.strategies.admission.capacity import Capacity, capacity_of, spent_s, told
from perflab.experiments.strategies.arrivals import poisson_times
from perflab.experiments.strategies.experiment import FigureSpec, StrategyExperiment, Target, Work, Workload
from perflab.experiments.study import Study
from perflab.instrument.cpu_clock import tree_cpu_s
from perflab.system.launch import RunningSystem

LIMIT_MS = 2_000.0  # what the targets allow a voice response
OVERLOAD, BELOW = 2.0, 0.5  # times what one core carries
LEAST_S = 6.0  # of arrivals: three calls long, so that most of a block lies behind its first, quiet seconds
QUIET_S, QUIET_LIMIT_S = 0.05, 10.0  # an answer this quick shows that what waited is done with
GOODPUT = FigureSpec("goodput_per_s", f"turns answered within {LIMIT_MS / 1000:g} s", "/s", 0.5, lower_is_better=False,
                     in_units=True)  # fmt: skip
KEPT = FigureSpec("kept_share", f"admitted calls answered within {LIMIT_MS / 1000:g} s", "share", 0.05,
                  lower_is_better=False, in_units=True)  # fmt: skip
REFUSED = FigureSpec("refused_share", "calls refused", "share", 0.02, in_units=True)
OFFERED = FigureSpec("offered_per_s", "calls that came", "/s", 0.05, means=True)


def figures_of(heard: Heard, seconds: float) -> dict[str, float]:
    """Return the figures of a block whose calls came for so many seconds.

    Goodput is over that time and so has refused calls in it as lost; `kept_share` is of those who were not refused.
    """
    in_time, admitted = heard.in_time(LIMIT_MS), heard.asked - heard.refused
    return {
        GOODPUT.column: in_time / seconds,
        KEPT.column: in_time / admitted if admitted else float("nan"),
        REFUSED.column: heard.refused / heard.asked,
        OFFERED.column: heard.asked / seconds,
    }


async def come(target: Target, times: float, capacity: Capacity) -> Work:
    """Let calls of one turn come at so many times what one core carries, and wait for the last of them.

    `latency_ms` is of answered calls, `failed` counts those who were let in and hung up; a refusal is neither: it has
    its figure. Whoever hangs up has waited PATIENCE_S longer than the limit asks about, so that a p95 of answered calls
    is a lower bound in the arm where more hang up. `client_cpu` is of the busiest of client, stand-ins and their cores.
    That nobody is answered is a result where callers were refused, and above what one core carries where they hung up;
    below it, or where every call broke, it is a fault of the system.
    """
    seconds = max(target.seconds, LEAST_S)
    arrivals = poisson_times(target.rng, times * capacity.per_s, seconds)
    busy = asyncio.create_task(_busy(target.running, seconds))
    heard = await hold_calls(target, arrivals)
    share = await busy
    await _quiet(target)
    figures = figures_of(heard, seconds) | told(capacity) | {"client_cpu": share}
    lost_to_load = heard.refused > 0 or (times > 1 and heard.given_up > 0)
    return Work(
        np.array(heard.answered_ms),
        np.array(heard.late_ms),
        heard.failed,
        figures,
        none_answered_counts=lost_to_load,
    )


async def _busy(running: RunningSystem, seconds: float) -> float:
    """Return the CPU share of whatever of the world around the system is busiest while calls come."""
    outside = [p.pid for p in running.processes.values() if p.role == "standin"]
    before, own, began = {pid: tree_cpu_s(pid) for pid in outside}, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    wall = time.perf_counter() - began
    client = time.process_time() - own
    each = [spent_s({pid: before[pid]}, {pid: tree_cpu_s(pid)}) for pid in outside]
    return max(client, *each, (client + sum(each)) / len(running.cores.others)) / wall


async def _quiet(target: Target) -> None:
    """Wait until the system answers at once: what an overload left behind would be the next block's."""
    until = time.perf_counter() + QUIET_LIMIT_S
    while time.perf_counter() < until:
        asked = time.perf_counter()
        async with target.client.get(f"{target.api}/healthz") as answer:
            await answer.read()
        if time.perf_counter() - asked < QUIET_S:
            return
        await asyncio.sleep(QUIET_S)


async def first_calls(target: Target) -> None:
    """Hold a call alone, then three at once: imports, tables and templates are not what is measured."""
    await hold_calls(target, np.array([0.0, 1.5, 1.5, 1.5]))


def _fitted(times: float, study: Study, experiment: StrategyExperiment) -> Workload:
    return partial(come, times=times, capacity=capacity_of(study, experiment))


async def _unfitted(target: Target) -> Work:
    raise NotImplementedError("run_experiment measures first what one core carries: see `fit`")


def _contest(key: str, times: float, where: str, *, price: str, turns: str) -> StrategyExperiment:
    """Return admission control against letting everybody in, at so many times what one core carries."""
    return StrategyExperiment(
        key=key,
        strategy="ST-RES-10",
        title=f"admission control {where}",
        arms=("admission=by_lag",),
        condition=f"calls of one turn, Poisson arrivals, at {times:g} times the rate that uses up one core of the "
        f"base, measured first; Live thinks 300 ms; callers hang up after {PATIENCE_S:g} s",
        work=_unfitted,
        fit=partial(_fitted, times),
        conditions={"latency": "const-300"},
        prepare=first_calls,
        first_s=0.0,
        figures=(GOODPUT, KEPT, REFUSED, OFFERED),
        fewer_failures=True,
        price=price,
        turns=turns,
    )


OVERLOADED = _contest(
    "admission-overload",
    OVERLOAD,
    "under overload",
    price="callers who are refused, above all those who come while a crowd before them is still waiting",
    turns="costs calls where the overload is shorter than callers would wait, and where other programs make the loop "
    "late; below what one core carries it has nothing to refuse (see the same at half the load)",
)
BELOW_CAPACITY = _contest(
    "admission-below",
    BELOW,
    "at half of what one core carries",
    price="100 probes of the loop a second, and every call refused here was refused for nothing",
    turns="pays only above what one core carries",
)
EXPERIMENTS: tuple[StrategyExperiment, ...] = (OVERLOADED, BELOW_CAPACITY)
