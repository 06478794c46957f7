"""The gateway's other planted defects: a late reply, a held lock, a slow query; and clean runs that yield none of them.

The expected places are those of the gateway's test folder; the instruments know nothing of them. Hot functions and
leaks are measured by parts of the family `profiles`, which `hot` and `leak` call. That clean runs name no leak is not
measured here but there: bar `3.clean`, part `clean_memory`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Keep, Say, check_names, keep_nothing, run_named
from perflab.benches.profiles import planted_cpu, planted_leak
from perflab.benches.profiles.live_gateway import Key, Live, attempt, on_live_gateway, own_order, scalene_on_gateway
from perflab.errors import InstrumentFailure
from perflab.experiments.blocks import BlockPlan, arm_figures, block_spec
from perflab.experiments.study import Study
from perflab.experiments.trial import run_trial
from perflab.instrument.blocking import blocking, blocking_gate
from perflab.runs import concluded
from perflab.stats.compare import Comparison, compare_differences
from perflab.stats.schedule import balanced_blocks

LOCK = ("housekeeping.py", "Ledger.settle_ledger")
PLANTED_FILES = ("housekeeping.py", "upkeep.py")
QUERY_FUNCTION = "read"
LATE_MS, LOCK_MS, QUERY_MS = 40.0, 5.0, 30.0
LATE_ARMS = ("clean", "clean_again", "late")
LATE_MARGIN_MS = 2.0
CLEAN_RUNS = 20
PAIRS = CLEAN_RUNS // 2  # of late replies: two clean gateways in each
WINDOW_S, SCALENE_S = 3.0, 5.0
LISTED, HELD = 0.01, 0.05  # share of CPU, and of the window, from which a place counts as found
FIRST_PLACES = 3


def run(only: set[str], say: Say, keep: Keep = keep_nothing) -> list[Bar]:
    """Measure the family, or the groups named: hot, late, leak, lock, query, clean, clean_scalene."""
    check_names(only, names())
    study = bench_study()
    with concluded(study.run):
        bars = run_named({name: partial(measure, study, say) for name, measure in _groups().items()}, only, say, keep)
    return bars


def names() -> list[str]:
    """Return the groups of the family in their order."""
    return list(_groups())


def _groups() -> dict[str, Callable[[Study, Say], list[Bar]]]:
    return {
        "hot": lambda _, say: planted_cpu.bars(say),
        "late": late,
        "leak": lambda _, say: planted_leak.bars(say),
        "lock": lock,
        "query": query,
        "clean": clean,
        "clean_scalene": clean_scalene,
    }


def late(study: Study, say: Say) -> list[Bar]:
    """A reply that leaves 40 ms late: found within 2 ms by paired differences, and none between two clean gateways."""
    plan = BlockPlan(PAIRS, 20, 1, {"think_s": 0.1, "phrase_max_s": 1.2}, 20.0)
    added: dict[str, list[float]] = {arm: [] for arm in LATE_ARMS}
    for block, arms in enumerate(balanced_blocks(LATE_ARMS, PAIRS, study.seed)):
        for arm in arms:
            spec = replace(block_spec(study, "optimised", arm, block, plan, "late"),
                           plant=f"late={LATE_MS:g}" if arm == "late" else "")  # fmt: skip
            added[arm].append(arm_figures(study, run_trial(study, spec)).added_p50_ms)
        say(f"  {block + 1} of {PAIRS} blocks")
    found, apart = (_late_by(added["clean"], added[arm]) for arm in ("late", "clean_again"))
    return [
        Bar("late.40", "late reply of 40 ms: error of the paired difference", abs(found.difference - LATE_MS), "<=",
            LATE_MARGIN_MS, "ms", found.n, detail=_late_detail(found)),
        Bar("late.found", "late reply: called a finding by the rule that clean runs are held to",
            float(_tells_lateness(found)), ">=", 1, "findings", found.n),
        Bar("late.clean", "two clean gateways: paired difference of the added time", abs(apart.difference), "<=",
            LATE_MARGIN_MS, "ms", apart.n, detail=_late_detail(apart)),
        Bar("late.false", f"late replies found between two clean gateways, in {2 * PAIRS} clean runs",
            float(_tells_lateness(apart)), "<=", 0, "findings", apart.n),
    ]  # fmt: skip


def _late_by(clean: list[float], other: list[float]) -> Comparison:
    return compare_differences(clean, other, lower_is_better=True, margin=LATE_MARGIN_MS, unit="ms")


def _tells_lateness(found: Comparison) -> bool:
    """Whether the rule of every comparison says that one gateway replies later than the other, whichever it is."""
    return found.verdict in ("better", "worse")


def _late_detail(found: Comparison) -> dict[str, Any]:
    return {"difference_ms": found.difference, "low": found.low, "high": found.high, "verdict": found.verdict}


def lock(study: Study, say: Say) -> list[Bar]:
    """A lock held 5 ms on the event loop: first place of the blocking table."""
    held: list[dict[Key, float]] = []
    problem = _tried(study, f"lock={LOCK_MS:g}", lambda live: held.append(_look(live)[0]))
    if not held:
        return [Bar("lock.rank", "lock held on the loop: rank in the blocking table", None, "<=", 1, "rank",
                    detail={"problem": problem})]  # fmt: skip
    places = list(held[0])
    rank = places.index(LOCK) + 1 if LOCK in places else 99
    detail = {"share": held[0].get(LOCK, 0.0), "first": _heads(held[0])}
    return [Bar("lock.rank", "lock held on the loop: rank in the blocking table", rank, "<=", 1, "rank", detail=detail)]


def query(study: Study, say: Say) -> list[Bar]:
    """A slow query of 30 ms under mixed load: the store's read is found in the blocking table, in py-spy or scalene."""
    plant, seen = f"slow_query={QUERY_MS:g}", list[dict[str, dict[Key, float]]]()
    failed = _tried(study, plant, lambda live: seen.append(_named(_look(live))), mixed=True)
    table, problem = attempt(lambda: scalene_on_gateway(study, plant, SCALENE_S, mixed=True))
    shares = table.by_function(instrument="scalene", view="cpu", attribution="own") if table else {}
    tables = {**(seen[0] if seen else {}), "scalene": shares}
    ranks = {name: _rank(found) for name, found in tables.items()}
    detail: dict[str, Any] = {"ranks": ranks, "first": {name: _heads(found) for name, found in tables.items()}}
    best = min(ranks.values())
    found = any(_finds(name, held) for name, held in tables.items())
    return [
        Bar("query.rank", "slow query: best rank of the store's read", best, "<=", FIRST_PLACES, "rank",
            detail={**detail, "problem": "; ".join(filter(None, (failed, problem)))}),
        Bar("query.found", "slow query: called a finding by the rule that clean runs are held to", float(found), ">=",
            1, "findings"),
    ]  # fmt: skip


def clean(study: Study, say: Say) -> list[Bar]:
    """The clean gateway under mixed load, 20 looks by py-spy: no planted place listed, no slow query found."""
    wrong: list[str] = []
    problems: list[str] = []

    def look(live: Live) -> None:
        for number in range(CLEAN_RUNS):
            try:
                found = _named(_look(live))
            except InstrumentFailure as error:
                problems.append(str(error))
                say(f"  {number + 1}: {error}")
                continue
            wrong.extend(f"{number + 1}: {text}" for name, shares in found.items() for text in _false(name, shares))
            say(f"  {number + 1}: {wrong or 'nothing'}; blocking {_heads(found['blocking'])}")

    on_live_gateway(study, "", look, mixed=True)
    return [Bar("clean.cpu", "findings at planted places in clean runs", None if problems else len(wrong), "<=", 0,
                "findings", CLEAN_RUNS - len(problems), detail={"found": wrong, "problems": problems})]  # fmt: skip


def clean_scalene(study: Study, say: Say) -> list[Bar]:
    """The same by scalene, a fresh gateway for each of the 20."""
    wrong: list[str] = []
    done = 0
    for number in range(CLEAN_RUNS):
        table, problem = attempt(lambda: scalene_on_gateway(study, "", 4.0, mixed=True))
        if table:
            done += 1
            shares = table.by_function(instrument="scalene", view="cpu", attribution="own")
            wrong += [f"{number + 1}: {text}" for text in _false("scalene", shares)]
        say(f"  {number + 1}: {problem or wrong or 'nothing'}")
    seen = len(wrong) if done == CLEAN_RUNS else None
    return [Bar("clean.scalene", "findings at planted places in clean runs, by scalene", seen, "<=", 0, "findings",
                done, detail={"found": wrong})]  # fmt: skip


def _tried(study: Study, plant: str, work: Callable[[Live], None], mixed: bool = False) -> str:
    """Look at a planted gateway; return why there was nothing to see, or ""."""
    problems: list[str] = []

    def look(live: Live) -> None:
        try:
            work(live)
        except InstrumentFailure as error:
            problems.append(str(error))

    on_live_gateway(study, plant, look, mixed=mixed)
    return "; ".join(problems)


def _look(live: Live) -> tuple[dict[Key, float], dict[Key, float]]:
    """Return the blocking table and the shares of CPU by py-spy; raises InstrumentFailure, also for a shut gate."""
    gil, wall = live.sampled("gil", WINDOW_S), live.sampled("wall", WINDOW_S)
    gate = blocking_gate([gil, wall])
    if gate is None or gate.verdict == "disqualified":
        code = gate.codes[0] if gate and gate.codes else "P201"
        raise InstrumentFailure(code, f"the blocking table is disqualified: {gate.reason if gate else 'no wall view'}")
    return blocking([gil, wall]), gil.by_function(instrument="pyspy", view="gil", attribution="own")


def _named(look: tuple[dict[Key, float], dict[Key, float]]) -> dict[str, dict[Key, float]]:
    return {"blocking": look[0], "pyspy": look[1]}


def _rank(shares: dict[Key, float]) -> int:
    names = [name.rsplit(".", 1)[-1] for _, name in own_order(shares)]
    return names.index(QUERY_FUNCTION) + 1 if QUERY_FUNCTION in names else 99


def _finds(name: str, shares: dict[Key, float]) -> bool:
    """Whether a table accuses the store's read: among the first three, and with a share that matters."""
    share = max(
        (s for (_, function), s in shares.items() if function.rsplit(".", 1)[-1] == QUERY_FUNCTION), default=0.0
    )
    return _rank(shares) <= FIRST_PLACES and share >= HELD


def _false(name: str, shares: dict[Key, float]) -> list[str]:
    listed = [f"{name} {f}:{n} {s:.3f}" for (f, n), s in shares.items() if f in PLANTED_FILES and s >= LISTED]
    return [*listed, *([f"{name} accuses the store's read"] if _finds(name, shares) else [])]


def _heads(shares: dict[Key, float]) -> list[str]:
    return [f"{f}:{n} {shares[f, n]:.3f}" for f, n in own_order(shares)[:4]]
