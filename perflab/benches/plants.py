"""The instruments on planted defects: each must be found where it is, and a clean system must yield none of them.

The expected places are those of the gateway's test folder; the instruments know nothing of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from perflab.benches.bar import Bar
from perflab.benches.gateway import Say, bench_study
from perflab.errors import InstrumentFailure
from perflab.experiments.blocks import BlockPlan, arm_figures, block_spec
from perflab.experiments.profile import ProfilePass, sampled_pass, source_root
from perflab.experiments.study import Study
from perflab.experiments.trial import Segment, TrialSpec, run_trial
from perflab.instrument.blocking import blocking
from perflab.instrument.interface import Target
from perflab.instrument.leak import Growth, find_growth
from perflab.instrument.memray import Memray
from perflab.instrument.table import ProfileTable
from perflab.stats.compare import compare_differences
from perflab.system.launch import RunningSystem

HOT = ("housekeeping.py", "Levels.refresh_levels")
LEAK = ("housekeeping.py", "Notes.note_turn")
LOCK = ("housekeeping.py", "Ledger.settle_ledger")
QUERY_FUNCTION = "read"
LATE_MS, LEAK_KB_S, LOCK_MS, QUERY_MS = 40.0, 1000.0, 5.0, 30.0
DOSES = (5.0, 10.0, 20.0)
PAIRS, CLEAN_RUNS = 8, 3


def run(only: set[str], say: Say) -> list[Bar]:
    """Measure the family, or the groups named: hot, late, leak, lock, query, clean."""
    study = bench_study()
    groups: tuple[tuple[str, Callable[[Study, Say], list[Bar]]], ...] = (
        ("hot", hot), ("late", late), ("leak", leak), ("lock", lock), ("query", query), ("clean", clean),
    )  # fmt: skip
    bars: list[Bar] = []
    for name, measure in groups:
        if not only or name in only:
            found = measure(study, say)
            for bar in found:
                say(bar.line())
            bars += found
    study.run.update(planted="", status="done")
    return bars


def _profiled(study: Study, plant: str, say: Say) -> ProfilePass:
    say(f"profiling the loaded gateway with {plant or 'nothing planted'} ...")
    study.run.update(planted=plant)
    return sampled_pass(study, study.sizes)


def _table(done: ProfilePass, view: str) -> ProfileTable | None:
    return next((table for name, (_, table) in done.captures.items() if name == f"pyspy-{view}"), None)


def _shares(done: ProfilePass) -> dict[tuple[str, str], float]:
    table = _table(done, "gil")
    return table.by_function(instrument="pyspy", view="gil", attribution="own") if table else {}


def hot(study: Study, say: Say) -> list[Bar]:
    """A hot function at 5, 10 and 20 % of the gateway's CPU: its share within 5 points of the dose."""
    bars = []
    for dose in DOSES:
        done = _profiled(study, f"hot={dose:g}", say)
        shares = _shares(done)
        own = [key for key in shares if not key[0].startswith("<")]
        seen = 100 * shares.get(HOT, 0.0)
        detail = {"seen_percent": seen, "rank": own.index(HOT) + 1 if HOT in own else 0, "problems": done.problems}
        samples = len(done.captures) and max(t.health.n_samples for _, t in done.captures.values())
        bars.append(
            Bar(f"hot.{dose:g}", f"hot function at {dose:g} %: error of its share", abs(seen - dose), "<=", 5, "points",
                int(samples), detail=detail)
        )  # fmt: skip
    return bars


def late(study: Study, say: Say) -> list[Bar]:
    """A reply that leaves 40 ms late: found within 2 ms as a paired difference of the added time."""
    plan = BlockPlan(PAIRS, 20, 1, {"think_s": 0.1, "phrase_max_s": 1.2}, 20.0)
    say(f"{PAIRS} pairs with and without a late reply ...")
    added: dict[str, list[float]] = {"clean": [], "late": []}
    for block in range(PAIRS):
        for arm in ("clean", "late") if block % 2 else ("late", "clean"):
            spec = replace(block_spec(study, "optimised", arm, block, plan, "late"),
                           plant=f"late={LATE_MS:g}" if arm == "late" else "")  # fmt: skip
            added[arm].append(arm_figures(study, run_trial(study, spec)).added_p50_ms)
    found = compare_differences(added["clean"], added["late"], lower_is_better=True, margin=2.0, unit="ms")
    return [
        Bar("late.40", "late reply of 40 ms: error of the paired difference", abs(found.difference - LATE_MS), "<=", 2,
            "ms", found.n, detail={"difference_ms": found.difference, "low": found.low, "high": found.high})
    ]  # fmt: skip


def leak(study: Study, say: Say) -> list[Bar]:
    """A leak of 1 MB/s: right file and function, rate within 10 % (the windows' edges), by two attached windows."""
    say("memray attached for two windows to the leaking gateway ...")
    growth = _growth(study, f"leak={LEAK_KB_S:g}")
    mine = [g for g in growth if (g.file, g.function) == LEAK and g.verdict == "leak"]
    rate = sum(g.rate for g in mine) / 1e3
    return [
        Bar("leak.found", "leak of 1 MB/s named at its function", float(len(mine)), ">=", 1, "places",
            detail={"growth": [f"{g.file}:{g.function}:{g.verdict}:{g.rate / 1e3:.0f} kB/s" for g in growth[:6]]}),
        Bar("leak.rate", "its rate, distance from the truth", abs(rate - LEAK_KB_S) / 10, "<=", 3, "%",
            detail={"kb_per_s": rate}),
    ]  # fmt: skip


def _growth(study: Study, plant: str) -> tuple[Growth, ...]:
    tables: list[ProfileTable] = []
    root = source_root(study)

    def during(running: RunningSystem) -> bool:
        time.sleep(5.0)
        process = running.processes["gateway"]
        target = Target(root, pid=process.pid, log_path=process.log_path, cores=study.cores.others)
        for label, window in (("t", 4.0), ("2t", 8.0)):
            instrument = Memray("attach", label=label)
            folder = study.run.folder("profiles")
            capture = instrument.capture(target, window, folder)
            tables.append(instrument.parse(capture, root))
        return False

    spec = TrialSpec(
        name=f"leak-{int(time.time())}", variant="optimised", steps=((0.0, 20), (60.0, 0)), duration_s=60.0,
        segments=(Segment("leak", 0.0, 60.0, 20),), seed=study.seed, plant=plant,
    )  # fmt: skip
    try:
        run_trial(study, spec, during=during)
    except InstrumentFailure:
        return ()
    short, long = tables
    return tuple(find_growth(short, long))


def lock(study: Study, say: Say) -> list[Bar]:
    """A lock held 5 ms on the event loop: first place of the blocking table."""
    done = _profiled(study, f"lock={LOCK_MS:g}", say)
    held = blocking([table for _, table in done.captures.values()])
    places = list(held)
    rank = places.index(LOCK) + 1 if LOCK in places else 99
    detail = {"share": held.get(LOCK, 0.0), "first": [f"{f}:{n} {s:.3f}" for (f, n), s in list(held.items())[:3]]}
    return [Bar("lock.rank", "lock held on the loop: rank in the blocking table", rank, "<=", 1, "rank", detail=detail)]


def query(study: Study, say: Say) -> list[Bar]:
    """A slow query of 30 ms: the store's read among the first three of the blocking or CPU table."""
    done = _profiled(study, f"slow_query={QUERY_MS:g}", say)
    tables = [table for _, table in done.captures.values()]
    ranks = []
    for table in (blocking(tables), _shares(done)):
        names = [name.rsplit(".", 1)[-1] for file, name in table if not file.startswith("<")]
        ranks.append(names.index(QUERY_FUNCTION) + 1 if QUERY_FUNCTION in names else 99)
    return [Bar("query.rank", "slow query: best rank of the store's read", min(ranks), "<=", 3, "rank",
                detail={"blocking": ranks[0], "cpu": ranks[1]})]  # fmt: skip


def clean(study: Study, say: Say) -> list[Bar]:
    """The clean gateway: none of the planted places at 1 % or more, no leak above 20 KB/s."""
    false = 0
    for _ in range(CLEAN_RUNS):
        shares = _shares(_profiled(study, "", say))
        false += sum(share >= 0.01 for key, share in shares.items() if key[0] == HOT[0])
    growth = [g for g in _growth(study, "") if g.verdict == "leak" and g.rate > 20_000]
    return [
        Bar("clean.cpu", "findings at the planted places of clean runs", false, "<=", 0, "findings", CLEAN_RUNS),
        Bar("clean.leak", "leaks above 20 KB/s in a clean run", len(growth), "<=", 0, "findings", 1,
            detail={"growth": [f"{g.file}:{g.function} {g.rate / 1e3:.0f} kB/s" for g in growth]}),
    ]  # fmt: skip
