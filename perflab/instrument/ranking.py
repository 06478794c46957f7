"""One ranking of bottlenecks from all instruments: shares that may vote, joined by file and enclosing function."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from perflab.instrument.gates import Gate, voters
from perflab.instrument.leak import Growth
from perflab.instrument.source_tree import MODULE
from perflab.instrument.stacks import LIBRARY, LOOP
from perflab.instrument.table import ProfileTable

Key = tuple[str, str]
LISTED = 0.01  # smaller shares are noise at any sample count that a quick run reaches


@dataclass(frozen=True)
class Bottleneck:
    """One place: what each instrument says of it, and what removing it could bring at most.

    `cpu_share`: mean of the voting instruments, weighted by samples; `low`, `high`: its 95 % sampling interval
    (run-to-run noise is not in it). `amdahl_bound`: CPU capacity times this at most, 1 / (1 - share). `blocking_share`:
    share of the wall time in which it held the loop without using CPU. `library`: no own code on the stack.
    `libraries`: where its share goes, as shares of all CPU.
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


@dataclass(frozen=True)
class Ranking:
    """The fused ranking; `first` is empty when the instruments cannot say (`flags` tells why)."""

    rows: tuple[Bottleneck, ...]
    gates: tuple[Gate, ...]
    first: str
    flags: tuple[str, ...]
    loop_share: float
    startup_share: float


@dataclass(frozen=True)
class Context:
    """What is known beside the profiles; every field may be empty.

    `units`: work done in memray's window; `cpu_us_per_unit` of the unprofiled system; `turn_shares`: share of the
    p95 turn by "file:function"; `strategies`: candidate ids by "file:function", file, or library package.
    """

    units: float = 0.0
    cpu_us_per_unit: float = 0.0
    turn_shares: Mapping[str, float] | None = None
    strategies: Mapping[str, tuple[str, ...]] | None = None
    growth: tuple[Growth, ...] = ()


def rank(tables: list[ProfileTable], context: Context | None = None, listed: float = LISTED) -> Ranking:
    """Fuse tables into one ranking of own functions and libraries.

    Start-up and the event loop itself are kept out of the ranks. When the voters name different first places (P303)
    or nobody may vote, `first` is empty and all candidates stay listed.
    """
    context = context or Context()
    judged = voters(tables)
    gates = tuple(gate for gate, _ in judged)
    voting = [(gate, table) for gate, table in judged if gate.verdict != "disqualified"]
    votes = {f"{gate.instrument}-{gate.view}": (gate.n_samples, _cpu_shares(table, gate)) for gate, table in voting}
    loop = _loop_share(votes)
    keys = {key for _, shares in votes.values() for key in shares if key[1] not in (LOOP, MODULE)}
    rows = [_bottleneck(key, votes, tables, context) for key in sorted(keys)]
    rows = sorted(
        (row for row in rows if row.cpu_share >= listed), key=lambda row: (-row.cpu_share, row.file, row.function)
    )
    rows = [replace(row, rank=number) for number, row in enumerate(rows, 1)]
    flags, rows = _agreement(votes, rows)
    sure = rows and votes and "P303" not in flags
    startup = max((table.health.startup_share for table in tables), default=0.0)
    return Ranking(tuple(rows), gates, f"{rows[0].file}:{rows[0].function}" if sure else "", flags, loop, startup)


def blocking(tables: list[ProfileTable]) -> dict[Key, float]:
    """Return, per own function, the share of wall time that it held without CPU: py-spy's wall view minus its CPU.

    CPU comes from the GIL view (or the default view), scaled by the target's CPU seconds. Waiting in the event loop's
    own select is no blocking and is left out. Empty without a wall view. Negative differences are noise and read as 0.
    """
    wall = next((t for t in tables if ("pyspy", "wall") in t.views()), None)
    if wall is None:
        return {}
    shares = wall.by_function(instrument="pyspy", view="wall", attribution="own")
    cpu: dict[Key, float] = {}
    table = next((t for v in ("gil", "cpu") for t in tables if ("pyspy", v) in t.views()), None)
    if table is not None and table.health.window_s:
        used = min(1.0, table.health.cpu_s / table.health.window_s)
        view = next(view for name, view in table.views() if name == "pyspy")
        cpu = {k: s * used for k, s in table.by_function(instrument="pyspy", view=view, attribution="own").items()}
    held = {
        key: max(0.0, share - cpu.get(key, 0.0))
        for key, share in shares.items()
        if key[0] != LIBRARY and key[1] != MODULE
    }
    return dict(sorted(held.items(), key=lambda item: (-item[1], item[0])))


def _cpu_shares(table: ProfileTable, gate: Gate) -> dict[Key, float]:
    return table.by_function(instrument=gate.instrument, view=gate.view, attribution="own")


def _loop_share(votes: dict[str, tuple[int, dict[Key, float]]]) -> float:
    total = sum(n for n, _ in votes.values())
    return sum(n * shares.get((LIBRARY, LOOP), 0.0) for n, shares in votes.values()) / total if total else 0.0


def _bottleneck(
    key: Key, votes: dict[str, tuple[int, dict[Key, float]]], tables: list[ProfileTable], context: Context
) -> Bottleneck:
    library = key[0] == LIBRARY
    # scalene folds library time into the loop's line, so it cannot vote on libraries
    heard = {
        name: (n, shares.get(key, 0.0))
        for name, (n, shares) in votes.items()
        if not (library and name.startswith("scalene"))
    }
    total = sum(n for n, _ in heard.values())
    share = sum(n * s for n, s in heard.values()) / total if total else 0.0
    half = 1.96 * math.sqrt(share * (1 - share) / total) if total else 0.0
    name = f"{key[0]}:{key[1]}"
    growth = [g.rate for g in context.growth if (g.file, g.function) == key and g.verdict == "leak"]
    return Bottleneck(
        0,
        *key,
        _hottest_line(key, tables),
        share,
        max(0.0, share - half),
        min(1.0, share + half),
        {vote: s for vote, (_, s) in heard.items()},
        {vote: _rank_of(key, votes[vote][1]) for vote in heard},
        1 / (1 - share) if share < 1 else math.inf,
        library,
        _libraries(name, tables),
        _bytes(key, tables, context.units),
        sum(growth) if growth else None,
        blocking(tables).get(key),
        share * context.cpu_us_per_unit if context.cpu_us_per_unit else None,
        (context.turn_shares or {}).get(name),
        _strategies(key, tables, context),
        _flags(heard),
    )


def _flags(heard: dict[str, tuple[int, float]]) -> tuple[str, ...]:
    return ("P310",) if len(heard) == 1 else ()


def _rank_of(key: Key, shares: dict[Key, float]) -> int:
    ranked = [k for k in shares if k[1] not in (LOOP, MODULE)]
    return ranked.index(key) + 1 if key in ranked else 0


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


def _agreement(
    votes: dict[str, tuple[int, dict[Key, float]]], rows: list[Bottleneck]
) -> tuple[tuple[str, ...], list[Bottleneck]]:
    """Compare first places among own functions, which every voter can see."""
    tops = {
        name: next((k for k in shares if k[0] != LIBRARY and k[1] != MODULE), None)
        for name, (_, shares) in votes.items()
    }
    named = {top for top in tops.values() if top}
    if not votes:
        return ("P201",), rows
    if len(named) <= 1:
        return (() if len(votes) > 1 else ("P310",)), rows
    marked = [replace(row, flags=(*row.flags, "P303")) if (row.file, row.function) in named else row for row in rows]
    return ("P303",), marked
