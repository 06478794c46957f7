"""What a profile shows beside its ranking: hot lines, memory over time, what waits, and which instrument said what."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from perflab.instrument.agreement import Agreement
from perflab.instrument.blocking import blocking, blocking_gate
from perflab.instrument.gates import Gate
from perflab.instrument.interface import Capture
from perflab.instrument.ranking import LISTED, Ranking
from perflab.instrument.source_tree import MODULE
from perflab.instrument.table import ProfileTable

SHOWN_LINES, SHOWN_WAITS = 12, 8
LONGEST_SOURCE, LONGEST_FILE = 140, 4_000_000  # characters of a line, bytes of a file that are read for a page
POINTS = 240
COLUMNS = {("pyspy", "gil"): "py-spy GIL (%)", ("pyspy", "cpu"): "py-spy CPU (%)", ("scalene", "cpu"): "scalene (%)"}


def line_rows(tables: Sequence[ProfileTable], root: Path, units: float = 0.0) -> list[dict[str, Any]]:
    """Return the own lines with the most CPU: source text, share by instrument, kilobytes per unit of work.

    `modelled` marks lines in a loop without calls, over which scalene spreads its samples evenly. Shares of CPU are of
    all of it; memory is memray's, in KB per unit where `units` is known, else in MB.
    """
    cpu: dict[tuple[str, str, int], dict[str, float]] = defaultdict(dict)
    modelled: set[tuple[str, str, int]] = set()
    size: dict[tuple[str, str, int], float] = defaultdict(float)
    for table in tables:
        for row in table.select(attribution="own"):
            place = (row.file, row.function, row.line)
            column = COLUMNS.get((row.instrument, row.view))
            if column and row.line and row.function != MODULE:
                cpu[place][column] = cpu[place].get(column, 0.0) + 100 * row.share
                modelled.update([place] if row.granularity == "modelled" else [])
            elif (row.instrument, row.view, row.metric) == ("memray", "alloc", "bytes"):
                size[place] += row.value
    order = sorted(cpu, key=lambda place: (-max(cpu[place].values()), place))[:SHOWN_LINES]
    columns = [name for name in COLUMNS.values() if any(name in shares for shares in cpu.values())]
    memory = "KB per unit" if units else "allocated (MB)"
    scale = 1e3 * units if units else 1e6
    return [
        {
            "where": f"{place[0]}:{place[2]}",
            "function": place[1],
            "source": source_line(root / place[0], place[2]),
            **{name: round(cpu[place].get(name, 0.0), 1) for name in columns},
            memory: round(size[place] / scale, 2) if place in size else None,
            "modelled": place in modelled,
        }
        for place in order
    ]


@lru_cache(maxsize=128)
def _source(path: Path) -> tuple[str, ...]:
    if not path.is_file() or path.stat().st_size > LONGEST_FILE:
        return ()
    return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())


def source_line(path: Path, line: int) -> str:
    """Return one line of source without its margin, cut at 140 characters; empty when there is no such line."""
    lines = _source(path)
    return lines[line - 1].strip()[:LONGEST_SOURCE] if 0 < line <= len(lines) else ""


def timeline_rows(captures: Iterable[Capture]) -> list[dict[str, Any]]:
    """Return memray's snapshots as rows of second, series, mb: the highest of each of at most 240 stretches."""
    from perflab.instrument.memray import memory_series

    capture = next((c for c in captures if c.instrument == "memray"), None)
    series = memory_series(capture) if capture else []
    step = max(1, -(-len(series) // POINTS))
    rows = []
    for number, name in ((1, "resident"), (2, "heap that memray saw")):
        for at in range(0, len(series), step):
            stretch = series[at : at + step]
            rows.append({"second": stretch[0][0], "series": name, "mb": max(point[number] for point in stretch) / 1e6})
    return rows


def waiting_rows(tables: Sequence[ProfileTable], ranking: Ranking) -> list[dict[str, Any]]:
    """Return the places that hold a thread without CPU, by share of the window; empty when the gate forbids it."""
    gate = blocking_gate(list(tables))
    if gate is None or gate.verdict == "disqualified":
        return []
    cpu = {(row.file, row.function): row.cpu_share for row in ranking.rows}
    return [
        {
            "where": f"{key[1]} ({key[0]})",
            "waits (% of the window)": round(100 * share, 1),
            "CPU share (%)": round(100 * cpu.get(key, 0.0), 1),
        }
        for key, share in list(blocking(list(tables)).items())[:SHOWN_WAITS]
        if share >= 0.005
    ]


def kernel_words(ranking: Ranking) -> str:
    """Return what part of the CPU the kernel's calls took, which no voting instrument sees; "" below 1 %.

    Of whose work it is only the bounds are known: none of it is a place's that only computes.
    """
    if ranking.kernel < LISTED:
        return ""
    return (
        f" {100 * ranking.kernel:.0f} % of the CPU went into calls of the kernel while they looked, and is in no "
        "place's share: what only computes has none of it, what sends and receives has its part besides."
    )


def gate_rows(gates: Sequence[Gate]) -> list[dict[str, Any]]:
    """Return who may vote on what, and why not."""
    words = {"votes": "believed", "warned": "believed, with a warning", "disqualified": "disqualified"}
    return [
        {
            "instrument": f"{gate.instrument} {gate.view}",
            "verdict": words[gate.verdict],
            "samples": gate.n_samples,
            "why": gate.reason,
        }
        for gate in gates
    ]


def agreement_rows(agreements: Sequence[Agreement]) -> list[dict[str, Any]]:
    """Return each pair of votes with its three measures, for the figure."""
    return [
        {
            "pair": f"{pair.first} and {pair.second}",
            "overlap": pair.overlap,
            "k": pair.k,
            "tau": None if math.isnan(pair.tau) else pair.tau,  # findings are JSON, which has no NaN
            "rbo": None if math.isnan(pair.rbo) else pair.rbo,
            "keys": pair.keys,
            "same first": pair.same_first,
        }
        for pair in agreements
    ]


def rank_rows(ranking: Ranking, shown: int = 8) -> list[dict[str, Any]]:
    """Return rank and rank interval of each listed own function in each vote, for the agreement plot."""
    rows = []
    for item in [row for row in ranking.rows if not row.library][:shown]:
        key = (item.file, item.function)
        for vote in ranking.votes:
            if key in vote.intervals:
                low, high, best, worst = vote.intervals[key]
                rows.append(
                    {
                        "where": f"{item.function} ({item.file})",
                        "instrument": vote.name,
                        "share": 100 * vote.own[key],
                        "low": 100 * low,
                        "high": 100 * high,
                        "rank": list(vote.own).index(key) + 1,
                        "rank low": best,
                        "rank high": worst,
                    }
                )
    return rows
