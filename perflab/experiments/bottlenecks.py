"""One ranking from all instruments of a profile, joined with the stages of a unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.experiments.allocated import Allocated, allocated
from perflab.experiments.first_place import first_place, named
from perflab.experiments.profile import ProfilePass, brackets, cpu_ms_per_unit, source_root, unwatched_rows
from perflab.experiments.profile_tables import SHOWN, growth_rows, growth_words, library_rows, memory_rows
from perflab.experiments.profile_views import (
    agreement_rows,
    gate_rows,
    kernel_words,
    line_rows,
    rank_rows,
    timeline_rows,
    waiting_rows,
)
from perflab.experiments.profiled import Profiled, profiled
from perflab.experiments.slow_turns import SlowTurns, slow_turns
from perflab.experiments.study import Study
from perflab.instrument.interface import Capture
from perflab.instrument.leak import Growth
from perflab.instrument.overhead import Overheads, judge_overheads
from perflab.instrument.ranking import Bottleneck, Context, Ranking, rank
from perflab.instrument.table import ProfileTable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Bottlenecks:
    """The ranking with what surrounds it."""

    ranking: Ranking
    tables: tuple[ProfileTable, ...]
    overheads: Overheads | None
    memory: tuple[dict[str, Any], ...]
    libraries: tuple[dict[str, Any], ...]
    problems: tuple[tuple[str, str], ...]
    cpu_ms: float  # of the profiled process per unit of work, unwatched; NaN where there is no unit
    captures: tuple[Capture, ...] = ()
    root: Path = Path()
    units: float = 0.0  # done while memray tracked, from its start to its end
    slow: SlowTurns | None = None
    rendered: tuple[Path, ...] = ()
    unit: str = "unit"
    allocated: Allocated = field(default_factory=Allocated)
    growth: tuple[Growth, ...] | None = None  # None = nobody could look
    profiled: Profiled = field(default_factory=lambda: Profiled(""))

    def rows(self) -> list[dict[str, Any]]:
        """Return the ranking as flat rows, without the columns of which nothing is known."""
        rows = [_row(item) for item in self.ranking.rows[:SHOWN]]
        known = {name for row in rows for name, value in row.items() if value not in (None, "")}
        return [{name: value for name, value in row.items() if name in known} for row in rows]

    def table(self) -> pd.DataFrame:
        """Return the ranking as a short table."""
        return _frame(self.rows())

    def memory_table(self) -> pd.DataFrame:
        """Return the own functions and libraries that allocate most, by memray."""
        return _frame(self.memory)

    def memory_sentence(self) -> str:
        """Say who allocated most, inside and outside of own functions, with start-up apart."""
        return self.allocated.sentence(self.unit)

    def growth_rows(self) -> list[dict[str, Any]]:
        """Return the places whose memory grew in both of memray's attached windows."""
        return growth_rows(self.growth or ())

    def growth_sentence(self) -> str:
        """Say whether memory grows, and where; or that nobody could look."""
        return growth_words(self.growth)

    def waiting_rows(self) -> list[dict[str, Any]]:
        """Return the places that hold a thread without CPU, by py-spy's wall view less its CPU."""
        return waiting_rows(self.tables, self.ranking)

    def gate_rows(self) -> list[dict[str, Any]]:
        """Return which instrument is believed, and why another one is not."""
        return gate_rows(self.ranking.gates)

    def line_rows(self) -> list[dict[str, Any]]:
        """Return the own lines with the most CPU, with their source."""
        return line_rows(self.tables, self.root, self.units)

    def timeline_rows(self) -> list[dict[str, Any]]:
        """Return memory over memray's window."""
        return timeline_rows(self.captures)

    def rank_rows(self) -> list[dict[str, Any]]:
        """Return each vote's rank of each place, with intervals."""
        return rank_rows(self.ranking)

    def agreement_rows(self) -> list[dict[str, Any]]:
        """Return how far each pair of votes agrees."""
        return agreement_rows(self.ranking.agreements)

    def share_rows(self) -> list[dict[str, Any]]:
        """Return each instrument's share of each place, for the figure."""
        intervals = {vote.name: vote.intervals for vote in self.ranking.votes}
        rows = []
        for item in self.ranking.rows[:SHOWN]:
            for name, share in item.shares.items():
                found = intervals.get(name, {}).get((item.file, item.function))
                low, high = found[:2] if found else (share, share)
                rows.append(
                    {
                        "where": f"{item.function} ({item.file})",
                        "instrument": name,
                        "share": 100 * share,
                        "low": 100 * min(low, share),
                        "high": 100 * max(high, share),
                    }
                )
        return rows

    def overhead_rows(self) -> list[dict[str, Any]]:
        """Return percent above the unwatched run for each instrument."""
        rows = self.overheads.rows if self.overheads else ()
        return [{"instrument": r.instrument, "value": 100 * (r.ratio - 1)} for r in rows]

    def sentence(self) -> str:
        """Say the first place, or that the instruments cannot say, or that none could look."""
        return first_place(self.ranking, self.profiled, [text for name, text in self.problems if "memray" not in name])

    def waiting_sentence(self) -> str:
        """Say what blocks most, or that it cannot be said, or that nothing was asked."""
        rows = self.waiting_rows()
        gate = next((g for g in self.ranking.gates if g.view == "wall"), None)
        if gate is None:
            return "No wall-clock view was captured: what waits is not known."
        if gate.verdict == "disqualified":
            return f"Cannot say what waits: {gate.reason}."
        if not rows:
            return "No place holds a thread without CPU for 0.5 % of the window or more."
        return f"{rows[0]['where']} waits for {rows[0]['waits (% of the window)']:.1f} % of the window without CPU."

    def agreement_sentence(self) -> str:
        """Say how far the voting instruments agree, and what one of them cannot see."""
        pairs, unseen = self.ranking.agreements, kernel_words(self.ranking)
        if not pairs:
            return f"Fewer than two instruments may vote on CPU: nothing to compare.{unseen}"
        pair = pairs[0]
        tau = "not defined" if pair.tau != pair.tau else f"{pair.tau:.2f}"
        return (
            f"{pair.first} and {pair.second} share {100 * pair.overlap:.0f} % of their first {pair.k} places and "
            f"{'name the same first' if pair.same_first else 'name different first ones'}; rank-biased overlap "
            f"{pair.rbo:.2f}, tau-b {tau} over {pair.keys} places of at least 2 %.{unseen}"
        )

    def slow_sentence(self) -> str:
        """Say what the slow units of work bound, if their stages are known."""
        return self.slow.sentence(self.unit) if self.slow else ""

    def graphs(self) -> list[Path]:
        """Return the flame graphs and pages that the instruments drew."""
        return [path for path in self.rendered if path.is_file()]


def _frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([dict(row) for row in rows])


def _row(item: Bottleneck) -> dict[str, Any]:
    return {
        "rank": item.rank,
        "rank interval": f"[{item.rank_low}, {item.rank_high}]",
        "where": named(item) if item.library else f"{item.function} ({item.file}:{item.line})",
        "CPU share (%)": round(100 * item.cpu_share, 1),
        "interval": f"[{100 * item.low:.0f}, {100 * item.high:.0f}]",
        "CPU (ms per unit)": None if item.cpu_us_per_unit is None else round(item.cpu_us_per_unit / 1e3, 2),
        "own frame innermost (%)": None if item.leaf_share is None else round(100 * item.leaf_share, 1),
        "instruments (%)": ", ".join(f"{name} {100 * share:.0f}" for name, share in item.shares.items()),
        "inside libraries": ", ".join(f"{name} {100 * share:.0f}" for name, share in item.libraries[:3]),
        "KB per unit": None if item.bytes_per_unit is None else round(item.bytes_per_unit / 1e3, 1),
        "leaks (KB per s)": None if item.leak_bytes_per_s is None else round(item.leak_bytes_per_s / 1e3, 1),
        "blocking (%)": None if item.blocking_share is None else round(100 * item.blocking_share, 1),
        "slow unit (%, estimate)": None if item.share_of_p95_turn is None else round(100 * item.share_of_p95_turn, 2),
        "at most": f"x {item.most_bound:.2f}",
        "strategies": ", ".join(item.strategies),
        "flags": ", ".join(item.flags),
    }


def bottlenecks(study: Study, passes: Sequence[ProfilePass]) -> Bottlenecks:
    """Fuse everything that the passes captured."""
    tables = tuple(table for each in passes for _, table in each.captures.values())
    sampled = passes[0]
    assert sampled.trial is not None
    looked = profiled(study, sampled)
    base = cpu_ms_per_unit(study, sampled.trial, sampled.unwatched) * looked.alone
    slow = slow_turns(study, unwatched_rows(study, sampled))
    units = _memray_units(passes)
    seen = [capture for each in passes for capture in each.captures.values()]
    context = Context(
        units=units,
        cpu_us_per_unit=1e3 * base if np.isfinite(base) else 0.0,
        turn_busy=slow.busy if slow and not looked.others else 0.0,  # else the own stages are of other processes too
        turn_ms=slow.total_ms if slow else 0.0,
        strategies=candidate_strategies(study),
        growth=sampled.growth or (),
        part=looked.part,
    )
    return Bottlenecks(
        rank(list(tables), context),
        tables,
        overheads(study, passes),
        tuple(memory_rows(seen)),
        tuple(_libraries_of(tables)),
        tuple(p for each in passes for p in each.problems),
        base,
        tuple(capture for each in passes for capture, _ in each.captures.values()),
        source_root(study),
        units,
        slow,
        tuple(path for each in passes for path in each.rendered),
        study.system.unit,
        allocated(seen),
        sampled.growth,
        looked,
    )


def of_command(
    seen: Sequence[tuple[Capture, ProfileTable]],
    problems: Sequence[tuple[str, str]],
    root: Path,
    rendered: Sequence[Path],
    overheads: Overheads | None = None,
    unit: str = "run",
) -> Bottlenecks:
    """Fuse the captures of a plain command or callable: no unit of work, so nothing per unit and no slow turns."""
    tables = tuple(table for _, table in seen)
    return Bottlenecks(
        rank(list(tables)),
        tables,
        overheads,
        tuple(memory_rows(seen)),
        tuple(_libraries_of(tables)),
        tuple(problems),
        float("nan"),
        tuple(capture for capture, _ in seen),
        root,
        rendered=tuple(rendered),
        unit=unit,
        allocated=allocated(seen),
    )


def _libraries_of(tables: Sequence[ProfileTable]) -> list[dict[str, Any]]:
    gil = next((t for t in tables if ("pyspy", "gil") in t.views()), None)
    return library_rows(gil) if gil else []


def _memray_units(passes: Sequence[ProfilePass]) -> float:
    captures = [capture for each in passes for capture, _ in each.captures.values()]
    return next((capture.work_units for capture in captures if capture.instrument == "memray"), 0.0)


def candidate_strategies(study: Study) -> dict[str, tuple[str, ...]]:
    """Return candidate strategies by library package or file, as the system's file names them."""
    found: dict[str, tuple[str, ...]] = {}
    for flag in study.system.flag:
        ids = tuple(value.strategy for value in flag.values if value.strategy)
        for place in flag.touches:
            found[place] = tuple(dict.fromkeys((*found.get(place, ()), *ids)))
    return found


def overheads(study: Study, passes: Sequence[ProfilePass]) -> Overheads | None:
    """Return what each instrument cost in CPU per unit, against the unwatched work just before and just after it."""
    found = brackets(study, passes)
    return judge_overheads(found) if found else None


def stage_sentence(study: Study, stages: Sequence[dict[str, Any]]) -> str:
    """Say how much of a unit's median time is the system's own.

    Both sums are of medians of the stages that follow each other, in ms. A stage inside another one is in that one's
    time already, and only some units may have it: it is told apart, with its own number of units, and in neither sum.
    Sums of medians are not medians of sums: they tell the order of size.
    """
    outer = [s for s in stages if not s["inside"]]
    if not outer:
        return f"{study.system.name} gives no marks: where a unit spends its time is not known from outside."
    total, own = sum(s["p50"] for s in outer), sum(s["p50"] for s in outer if s["owner"] == "system")
    largest, n = max(outer, key=lambda s: s["p50"]), max(s["n"] for s in outer)
    also = "".join(
        f"; {s['n']} of {n} {study.system.unit}s also had {s['stage']} inside {s['inside']}, {s['p50']:.0f} ms"
        + (", others' time included" if s["owner"] == "shared" else "")
        for s in stages
        if s["inside"] and s["owner"] != "other"
    )
    return (
        f"Of the {total:.0f} ms from the moment a {study.system.unit} was due to its answer (sum of the stages' "
        f"medians, {n} {study.system.unit}s), {own:.1f} ms are the system's own; the largest stage is "
        f"{largest['stage']} with {largest['p50']:.0f} ms{also}."
    )
