"""One ranking from all instruments of a profile, joined with the stages of a unit of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perflab.experiments.profile import ProfilePass, cpu_ms_per_unit
from perflab.experiments.study import Study
from perflab.experiments.units_of_work import units_done
from perflab.instrument.failures import CODES
from perflab.instrument.libraries import by_library
from perflab.instrument.overhead import Overheads, judge_overheads
from perflab.instrument.ranking import Bottleneck, Context, Ranking, rank
from perflab.instrument.table import ProfileTable

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 10


@dataclass(frozen=True)
class Bottlenecks:
    """The ranking with what surrounds it."""

    ranking: Ranking
    tables: tuple[ProfileTable, ...]
    overheads: Overheads | None
    memory: tuple[dict[str, Any], ...]
    libraries: tuple[dict[str, Any], ...]
    problems: tuple[tuple[str, str], ...]
    cpu_ms: float  # per unit of work, unwatched

    def rows(self) -> list[dict[str, Any]]:
        """Return the ranking as flat rows."""
        return [_row(item) for item in self.ranking.rows[:SHOWN]]

    def table(self) -> pd.DataFrame:
        """Return the ranking as a short table."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def memory_table(self) -> pd.DataFrame:
        """Return the places that allocate most, by memray."""
        import pandas as pd

        return pd.DataFrame(self.memory)

    def library_table(self) -> pd.DataFrame:
        """Return the libraries that take most CPU, by py-spy."""
        import pandas as pd

        return pd.DataFrame(self.libraries)

    def share_rows(self) -> list[dict[str, Any]]:
        """Return each instrument's share of each place, for the figure."""
        return [
            {"where": f"{item.function} ({item.file})", "instrument": name, "share": 100 * share}
            for item in self.ranking.rows[:SHOWN]
            for name, share in item.shares.items()
        ]

    def sentence(self) -> str:
        """Say the first place, or that the instruments cannot say."""
        if not self.ranking.rows:
            return "No place reaches 1 % of CPU in any instrument that may vote."
        first = self.ranking.rows[0]
        if not self.ranking.first:
            reasons = "; ".join(f"{flag}: {CODES[flag][0]}" for flag in self.ranking.flags if flag in CODES)
            return f"The instruments cannot name one first place ({reasons or 'none may vote'})."
        return (
            f"{first.function} ({first.file}, line {first.line}) takes {100 * first.cpu_share:.0f} % "
            f"[{100 * first.low:.0f}, {100 * first.high:.0f}] of CPU, {_spent(first)}; removing it could save at most "
            f"that much (bound x {first.amdahl_bound:.2f})."
        )


def _spent(item: Bottleneck) -> str:
    if not item.libraries:
        return "in its own code"
    name, share = item.libraries[0]
    return f"{100 * share:.0f} points of it inside {name}"


def _row(item: Bottleneck) -> dict[str, Any]:
    return {
        "rank": item.rank,
        "where": f"{item.function} ({item.file}:{item.line})",
        "CPU share (%)": round(100 * item.cpu_share, 1),
        "interval": f"[{100 * item.low:.0f}, {100 * item.high:.0f}]",
        "instruments (%)": ", ".join(f"{name} {100 * share:.0f}" for name, share in item.shares.items()),
        "inside libraries": ", ".join(f"{name} {100 * share:.0f}" for name, share in item.libraries[:3]),
        "KB per unit": None if item.bytes_per_unit is None else round(item.bytes_per_unit / 1e3, 1),
        "blocking (%)": None if item.blocking_share is None else round(100 * item.blocking_share, 1),
        "p95 turn (%)": None if item.share_of_p95_turn is None else round(100 * item.share_of_p95_turn, 1),
        "at most": f"x {item.amdahl_bound:.2f}",
        "strategies": ", ".join(item.strategies),
        "flags": ", ".join(item.flags),
    }


def bottlenecks(study: Study, passes: Sequence[ProfilePass]) -> Bottlenecks:
    """Fuse everything that the passes captured."""
    tables = tuple(table for each in passes for _, table in each.captures.values())
    sampled = passes[0]
    assert sampled.trial is not None
    base = cpu_ms_per_unit(study, sampled.trial, sampled.unwatched)
    context = Context(
        units=_memray_units(study, passes), cpu_us_per_unit=1e3 * base, strategies=candidate_strategies(study)
    )
    gil = next((t for t in tables if ("pyspy", "gil") in t.views()), None)
    return Bottlenecks(
        rank(list(tables), context),
        tables,
        overheads(study, passes),
        tuple(memory_rows(passes)),
        tuple(library_rows(gil)) if gil else (),
        tuple(p for each in passes for p in each.problems),
        base,
    )


def _memray_units(study: Study, passes: Sequence[ProfilePass]) -> float:
    for each in passes:
        if each.trial is not None and each.name.startswith("memray"):
            rows = each.trial.units[each.trial.units["kind"] == study.system.load.unit_kind]
            return sum(units_done(rows, span) for span in each.watched.values())
    return 0.0


def candidate_strategies(study: Study) -> dict[str, tuple[str, ...]]:
    """Return candidate strategies by library package or file, as the system's file names them."""
    found: dict[str, tuple[str, ...]] = {}
    for flag in study.system.flag:
        ids = tuple(value.strategy for value in flag.values if value.strategy)
        for place in flag.touches:
            found[place] = tuple(dict.fromkeys((*found.get(place, ()), *ids)))
    return found


def overheads(study: Study, passes: Sequence[ProfilePass]) -> Overheads | None:
    """Return what each instrument cost in CPU per unit, against the unwatched stretches before and after."""
    sampled = passes[0]
    assert sampled.trial is not None
    if len(sampled.unwatched) < 2:
        return None
    before, after = (cpu_ms_per_unit(study, sampled.trial, [span]) / 1e3 for span in sampled.unwatched[:2])
    costs: dict[str, float] = {}
    for each in passes:
        for name, span in each.watched.items():
            if each.trial is not None:
                cost = cpu_ms_per_unit(study, each.trial, [span]) / 1e3
                if np.isfinite(cost):
                    costs[name] = cost
    return judge_overheads(before, after, costs) if costs and min(before, after) > 0 else None


def overhead_rows(found: Bottlenecks) -> list[dict[str, Any]]:
    """Return percent above the unwatched run for each instrument."""
    rows = found.overheads.rows if found.overheads else ()
    return [{"instrument": r.instrument, "value": 100 * (r.ratio - 1)} for r in rows]


def memory_rows(passes: Sequence[ProfilePass]) -> list[dict[str, Any]]:
    """Return the own functions that allocated most and those that held most at the end, by memray."""
    for each in passes:
        for name, (_, table) in each.captures.items():
            if name.startswith("memray"):
                return _memory_of(table)
    return []


def _memory_of(table: ProfileTable) -> list[dict[str, Any]]:
    sums: dict[tuple[str, str], dict[str, float]] = {}
    for view in ("alloc", "peak", "leak"):
        for row in table.select(instrument="memray", view=view, attribution="own", metric="bytes"):
            sums.setdefault((row.file, row.function), {}).setdefault(view, 0.0)
            sums[row.file, row.function][view] += row.value
    order = sorted(sums.items(), key=lambda item: -item[1].get("alloc", 0.0))[:SHOWN]
    return [
        {
            "where": f"{function} ({file})",
            "allocated (MB)": round(seen.get("alloc", 0.0) / 1e6, 2),
            "at the peak (MB)": round(seen.get("peak", 0.0) / 1e6, 2),
            "held at the end (MB)": round(seen.get("leak", 0.0) / 1e6, 2),
        }
        for (file, function), seen in order
    ]


def library_rows(gil: ProfileTable) -> list[dict[str, Any]]:
    """Return the libraries that take most CPU: entered from own code, and where the innermost frames ran."""
    return [
        {
            "library": item.package,
            "entered (%)": round(100 * item.entered, 1),
            "ran (%)": round(100 * item.ran, 1),
            "called by": item.callers[0][0] if item.callers else "",
        }
        for item in by_library(gil)[:SHOWN]
    ]


def stage_sentence(study: Study, stages: Sequence[dict[str, Any]]) -> str:
    """Say how much of a unit's median time is the system's own."""
    outer = [s for s in stages if not s["inside"]]
    if not outer:
        return f"{study.system.name} gives no marks: where a unit spends its time is not known from outside."
    total, own = sum(s["p50"] for s in outer), sum(s["p50"] for s in stages if s["owner"] == "system")
    largest = max(outer, key=lambda s: s["p50"])
    return (
        f"Of the {total:.0f} ms from the end of speech or request to the answer (medians of {outer[0]['n']} units), "
        f"{own:.1f} ms are the system's own; the largest stage is {largest['stage']} with {largest['p50']:.0f} ms."
    )
