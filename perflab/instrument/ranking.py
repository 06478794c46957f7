"""One ranking of bottlenecks from all instruments: shares that may vote, joined by file and enclosing function."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from perflab.instrument.agreement import Agreement, agree
from perflab.instrument.blocking import blocking, blocking_gate
from perflab.instrument.gates import Gate, voters
from perflab.instrument.leak import Growth
from perflab.instrument.stacks import LIBRARY, LOOP
from perflab.instrument.table import ProfileTable
from perflab.instrument.votes import Interval, Key, Vote, disputed, fused_intervals, fused_share, is_place, make_votes

LISTED = 0.01  # smaller shares are noise at any sample count that a quick run reaches
CONTAMINATED = 0.30  # run-queue delay up to which even the views that do not measure the wall were seen to be right


@dataclass(frozen=True)
class Bottleneck:
    """One place: what each instrument says of it, and what removing it could bring at most.

    `cpu_share`: of all CPU of the profiled process, without what the kernel did for it, mean of the voting instruments,
    weighted by samples; `low`, `high` and
    `rank_low`, `rank_high`: 95 % sampling intervals by bootstrap (run-to-run noise is not in them); the envelope of
    the instruments' own where they dispute the share (P319). `amdahl_bound`: CPU capacity times this at most,
    1 / (1 - share), with `part` of the system's CPU in the profiled process 1 / (1 - part * share); see `most` for
    a share that is disputed. `blocking_share`: share of the window in which it held a thread without using CPU.
    `library`: no own code on the stack. `libraries`: where its share goes, as shares of all CPU. `leaf_share`: share
    in which it was itself innermost (py-spy); the rest ran in what it called.
    """

    rank: int
    file: str
    function: str
    line: int
    cpu_share: float
    low: float
    high: float
    shares: dict[str, float]
    ranks: dict[str, int]
    amdahl_bound: float
    library: bool = False
    libraries: tuple[tuple[str, float], ...] = ()
    bytes_per_unit: float | None = None
    leak_bytes_per_s: float | None = None
    blocking_share: float | None = None
    cpu_us_per_unit: float | None = None
    share_of_p95_turn: float | None = None
    strategies: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    rank_low: int = 0
    rank_high: int = 0
    leaf_share: float | None = None
    part: float = 1.0

    @property
    def disputed(self) -> bool:
        """Whether the instruments differ on its share by more than their samples explain."""
        return "P319" in self.flags

    @property
    def most(self) -> float:
        """The share of the system's CPU that removing it could save, by the instrument that gives it most."""
        return self.part * (max(self.shares.values()) if self.disputed else self.cpu_share)

    @property
    def most_bound(self) -> float:
        """How many times the CPU capacity could become without it, by the same instrument."""
        return 1 / (1 - self.most) if self.most < 1 else math.inf

    @property
    def name(self) -> str:
        """File and function, as the tables of other modules key it."""
        return f"{self.file}:{self.function}"


@dataclass(frozen=True)
class Ranking:
    """The fused ranking; `first` is empty when the instruments cannot say (`flags` tells why).

    `candidates`: the places between which they cannot say. `votes`: what each voting instrument said. `agreements`:
    each pair of votes compared over own functions. `kernel`: the part of the CPU in calls of the kernel, which is in no
    place's share.
    """

    rows: tuple[Bottleneck, ...]
    gates: tuple[Gate, ...]
    first: str
    flags: tuple[str, ...]
    loop_share: float
    startup_share: float
    candidates: tuple[str, ...] = ()
    votes: tuple[Vote, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    kernel: float = 0.0


@dataclass(frozen=True)
class Context:
    """What is known beside the profiles; every field may be empty.

    `units`: work done while memray tracked; `cpu_us_per_unit` of the profiled process, unwatched; `turn_busy`: share of
    a slow turn in which the system's own stages ran, `turn_ms` its length; `strategies`: candidate ids by
    "file:function", file, or library package; `part`: of the system's CPU that the profiled process used.
    """

    units: float = 0.0
    cpu_us_per_unit: float = 0.0
    turn_busy: float = 0.0
    turn_ms: float = 0.0
    strategies: Mapping[str, tuple[str, ...]] | None = None
    growth: tuple[Growth, ...] = ()
    part: float = 1.0


def rank(tables: list[ProfileTable], context: Context | None = None, listed: float = LISTED) -> Ranking:
    """Fuse tables into one ranking of own functions and libraries.

    Start-up and the event loop itself are kept out of the ranks. `first` is empty, and all candidates stay listed, when
    nobody may vote (P201), when the machine was too busy for every vote (P301), when no place could be first in all
    votes within their intervals (P303), or when the first places cannot be told apart (P315).
    """
    context = context or Context()
    judged = voters(tables)
    wall = blocking_gate(tables)
    gates = (*(gate for gate, _ in judged), *([wall] if wall else []))
    votes = make_votes((gate, table) for gate, table in judged if gate.verdict != "disqualified")
    rows = _rows(votes, tables, context, wall, listed)
    flags, candidates = _decide(votes, rows)
    rows = [
        replace(row, flags=tuple(dict.fromkeys((*row.flags, *flags)))) if row.name in candidates else row
        for row in rows
    ]
    sure = rows and votes and not set(flags) & {"P201", "P301", "P303", "P315"}
    return Ranking(
        tuple(rows),
        gates,
        rows[0].name if sure else "",
        flags,
        fused_share(votes, (LIBRARY, LOOP)) if votes else 0.0,
        max((table.health.startup_share for table in tables), default=0.0),
        candidates,
        tuple(votes),
        tuple(agree((a.name, a.own), (b.name, b.own)) for a, b in combinations(votes, 2)),
        _kernel(judged),
    )


def _kernel(judged: list[tuple[Gate, ProfileTable]]) -> float:
    """Return the part of the CPU that no voting view saw, mean weighted by samples; py-spy's default view sees it."""
    blind = [(gate.n_samples, table.health.kernel_share) for gate, table in judged
             if gate.verdict != "disqualified" and (gate.instrument, gate.view) != ("pyspy", "cpu")]  # fmt: skip
    total = sum(n for n, _ in blind)
    return sum(n * share for n, share in blind) / total if total else 0.0


def _decide(votes: list[Vote], rows: list[Bottleneck]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what stands against naming the first row, and the places that could be it."""
    if not votes:
        return ("P201",), ()
    if min(vote.run_delay for vote in votes) > CONTAMINATED:
        return ("P301",), tuple(row.name for row in rows[:1])
    alone = ("P310",) if len(votes) == 1 else ()
    shared = frozenset.intersection(*(vote.firsts for vote in votes))
    if not shared and any(vote.firsts for vote in votes):
        # every vote's own first place, so that a reader sees both sides
        return ("P303",), tuple(sorted({f"{f}:{n}" for vote in votes for f, n in vote.firsts}))
    tied = tuple(row.name for row in rows if row.rank_low == 1)
    if len(tied) > 1:
        return ("P315", *alone), tied
    if rows and not rows[0].library and shared and (rows[0].file, rows[0].function) not in shared:
        return ("P303",), tuple(sorted({rows[0].name, *(f"{f}:{n}" for f, n in shared)}))
    return alone, ()


def _rows(
    votes: list[Vote], tables: list[ProfileTable], context: Context, wall: Gate | None, listed: float
) -> list[Bottleneck]:
    shares = {key: fused_share(votes, key) for vote in votes for key in vote.shares if is_place(key)}
    order = sorted(shares, key=lambda key: (-shares[key], key))
    intervals = fused_intervals(votes, order)
    held = blocking(tables) if wall and wall.verdict != "disqualified" else None
    known = _Beside(tables, context, held)
    return [
        _bottleneck(number, key, shares[key], intervals[key], votes, known)
        for number, key in enumerate(order, 1)
        if shares[key] >= listed
    ]


@dataclass(frozen=True)
class _Beside:
    """What is joined to a place beside its CPU share."""

    tables: list[ProfileTable]
    context: Context
    held: dict[Key, float] | None


def _bottleneck(
    number: int, key: Key, share: float, interval: Interval, votes: list[Vote], beside: _Beside
) -> Bottleneck:
    tables, context = beside.tables, beside.context
    heard = [vote for vote in votes if vote.hears(key)]
    low, high, best, worst = interval
    growth = [g.rate for g in context.growth if (g.file, g.function) == key and g.verdict == "leak"]
    return Bottleneck(
        number,
        *key,
        _hottest_line(key, tables),
        share,
        low,
        high,
        {vote.name: vote.shares.get(key, 0.0) for vote in heard},
        {vote.name: vote.ranked.index(key) + 1 if key in vote.ranked else 0 for vote in heard},
        1 / (1 - context.part * share) if context.part * share < 1 else math.inf,
        key[0] == LIBRARY,
        _libraries(f"{key[0]}:{key[1]}", tables),
        _bytes(key, tables, context.units),
        sum(growth) if growth else None,
        beside.held.get(key) if beside.held is not None else None,
        share * context.cpu_us_per_unit if context.cpu_us_per_unit else None,
        _of_slow_turn(key, share, beside),
        _strategies(key, tables, context),
        ("P310",) if len(heard) == 1 else ("P319",) * disputed(votes, key),
        best,
        worst,
        _leaf(key, tables),
        context.part,
    )


def _of_slow_turn(key: Key, share: float, beside: _Beside) -> float | None:
    """Estimate a place's share of a slow turn: its own CPU and blocking per unit, at most its part of the own stages.

    Its part of the stages is that of the whole window's busy time (CPU plus blocking), which no instrument here can
    check inside the slow turns. What a turn waits behind the work of other turns is not in the estimate.
    """
    context, cpu, held = beside.context, _cpu_of_window(beside.tables), beside.held or {}
    if not context.turn_busy or not cpu:
        return None
    busy = share * cpu + held.get(key, 0.0)
    of_stages = context.turn_busy * busy / (cpu + sum(held.values()))
    if not context.turn_ms or not context.cpu_us_per_unit:
        return of_stages
    return min(of_stages, busy / cpu * context.cpu_us_per_unit / 1e3 / context.turn_ms)


def _cpu_of_window(tables: list[ProfileTable]) -> float:
    """Return the target's CPU seconds per second in py-spy's first CPU view; 0 where there is none."""
    for table in tables:
        if table.health.window_s and any(view in (("pyspy", "gil"), ("pyspy", "cpu")) for view in table.views()):
            return table.health.cpu_s / table.health.window_s
    return 0.0


def _leaf(key: Key, tables: list[ProfileTable]) -> float | None:
    for view in ("gil", "cpu"):
        for table in tables:
            if ("pyspy", view) in table.views():
                return table.by_function(instrument="pyspy", view=view, attribution="leaf").get(key, 0.0)
    return None


def _hottest_line(key: Key, tables: list[ProfileTable]) -> int:
    weights: dict[int, float] = defaultdict(float)
    for table in tables:
        for row in table.select(attribution="own", file=key[0], function=key[1]):
            if row.unit in ("samples", "percent") and row.view != "wall":
                weights[row.line] += row.share
    return max(sorted(weights), key=lambda line: weights[line], default=0)


def _libraries(name: str, tables: list[ProfileTable]) -> tuple[tuple[str, float], ...]:
    for view in ("gil", "cpu"):
        for table in tables:
            if ("pyspy", view) in table.views():
                rows = table.select(instrument="pyspy", view=view, attribution="library", function=name)
                return tuple((row.file, row.share) for row in rows if row.file != "<own>" and row.share >= LISTED / 2)
    return ()


def _bytes(key: Key, tables: list[ProfileTable], units: float) -> float | None:
    if not units:
        return None
    rows = [
        row
        for table in tables
        for row in table.select(
            instrument="memray", view="alloc", attribution="own", metric="bytes", file=key[0], function=key[1]
        )
    ]
    return sum(row.value for row in rows) / units if rows else None


def _strategies(key: Key, tables: list[ProfileTable], context: Context) -> tuple[str, ...]:
    table = context.strategies or {}
    names = [
        f"{key[0]}:{key[1]}",
        key[0],
        key[1],
        *(package for package, _ in _libraries(f"{key[0]}:{key[1]}", tables)),
    ]
    return tuple(dict.fromkeys(strategy for name in names for strategy in table.get(name, ())))
