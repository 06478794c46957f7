"""A stall of two seconds under open load: the p99 that the product reports against the truth of the schedule."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.experiments.units_of_work import response_ms
from perflab.load.arrivals import poisson_schedule
from perflab.load.collect import read_rows
from perflab.load.plan import LoadPlan
from perflab.load.runner import LoadResult, run_load

ORDER = 101
RATE_PER_S, SECONDS, AFTER_S, STALL_S = 100.0, 30.0, 12.0, 2.0
CLOSED_USERS = 2
USERS = Path(__file__).resolve().parents[1] / "stall" / "users.py"


def bars(say: Say) -> list[Bar]:
    """Measure the distance of the reported p99 from the schedule's own, and what a closed loop reports instead."""
    say(f"open load of {RATE_PER_S:g}/s for {SECONDS:g} s with a stall of {STALL_S:g} s ...")
    times, result, plan, stall = stalled(RATE_PER_S, ())
    truth = true_responses_ms(plan, result.go_ns, stall)
    say("the same stall under a closed loop ...")
    closed, *_ = stalled(0.0, ((0.0, CLOSED_USERS), (SECONDS, 0)))
    p99, true_p99 = float(np.quantile(times, 0.99)), float(np.quantile(truth, 0.99))
    detail = {
        "p99_ms": p99, "true_p99_ms": true_p99, "closed_loop_p99_ms": float(np.quantile(closed, 0.99)),
        "closed_loop_n": int(closed.size), "stall_ms": (stall[1] - stall[0]) / 1e6, "arrivals_due": int(truth.size),
        "send_lateness_p99_ms": result.generator.late_p99_ms,
    }  # fmt: skip
    return [
        Bar("stall.p99", "p99 under a stall of 2 s, open load: distance from the truth", 100 * abs(p99 / true_p99 - 1),
            "<=", 5, "%", int(times.size), detail=detail),
        Bar("stall.rows", "arrivals due that left no answered row", float(truth.size - times.size), "<=", 0, "arrivals",
            int(truth.size)),
    ]  # fmt: skip


def stalled(
    rate_per_s: float, steps: tuple[tuple[float, int], ...]
) -> tuple[np.ndarray, LoadResult, LoadPlan, tuple[int, int]]:
    """Run a load through a stall; return its response times (ms), the result, its plan, and the stall (ns)."""
    with TemporaryDirectory(prefix="perflab-stall-") as folder, _server() as (port, server):
        plan = LoadPlan(
            name="stall", host="", endpoints={"echo": port}, users={"StallUser": 1.0}, primary="StallUser",
            steps=steps or ((0.0, 0), (SECONDS, 0)), duration_s=SECONDS, out_dir=folder, arrivals_per_s=rate_per_s,
        )  # fmt: skip
        result = run_load(replace(plan, drain_s=5.0), USERS)
        rows = read_rows(list(result.row_logs))
        assert server.stdout is not None
        begin, end = map(int, server.stdout.readline().split())
    return response_ms(rows[rows["kind"] == "request"]), result, plan, (begin, end)


def true_responses_ms(plan: LoadPlan, go_ns: int, stall: tuple[int, int]) -> np.ndarray:
    """Return what every arrival of the schedule must have waited: to the end of the stall, or not at all."""
    due = go_ns + 1e9 * np.array(poisson_schedule(plan))
    return np.where((due >= stall[0]) & (due < stall[1]), (stall[1] - due) / 1e6, 0.0)


@contextmanager
def _server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "perflab.benches.stall.server", str(AFTER_S), str(STALL_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()
