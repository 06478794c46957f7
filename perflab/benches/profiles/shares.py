"""Bar 2: shares within 5 points of the truth for every function of at least 5 %, with 2,000 samples or more.

The truth is thread CPU time of the standalone workload in a run that nobody watches, on the core that is profiled.
"""

from __future__ import annotations

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import attempt
from perflab.benches.profiles.program import program
from perflab.instrument.pyspy import PySpy
from perflab.instrument.ranking import rank
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable

ORDER = 4
LEAST, SAMPLES = 0.05, 2000
INSTRUMENTS: dict[str, tuple[PySpy | Scalene, float]] = {
    "pyspy-gil": (PySpy("gil"), 12.0),
    "pyspy-cpu": (PySpy("cpu"), 12.0),
    "scalene-cpu": (Scalene(), 24.0),
}


def bars(say: Say) -> list[Bar]:
    """Compare each instrument's shares, and the fused ones, with the truth."""
    study = bench_study()
    chosen = program(study)
    before = chosen.truth("mixed")
    tables: dict[str, ProfileTable] = {}
    problems: dict[str, str] = {}
    for name, (instrument, seconds) in INSTRUMENTS.items():
        say(f"  {name} ...")
        table, problems[name] = attempt(lambda i=instrument, s=seconds: chosen.profiled("mixed", i, s))  # type: ignore[misc]
        if table:
            tables[name] = table
    after = chosen.truth("mixed")
    truth = {name: (before[name] + after[name]) / 2 for name in before}
    found = [_bar(name, _shares(tables[name], name), truth, tables[name].health.n_samples) for name in tables]
    voting = [table for name, table in tables.items() if name != "pyspy-cpu"]
    fused = {row.function: row.cpu_share for row in rank(voting).rows}
    n = min((table.health.n_samples for table in voting), default=0)
    missing = [
        Bar(f"2.{name}", "largest error of a share", None, "<=", 5, "points", detail={"problem": problems[name]})
        for name in INSTRUMENTS
        if name not in tables
    ]
    return [*found, *missing, _bar("fused", fused, truth, n)]


def _shares(table: ProfileTable, name: str) -> dict[str, float]:
    instrument, view = name.split("-")
    shares = table.by_function(instrument=instrument, view=view, attribution="own")
    return {function: share for (file, function), share in shares.items() if file == "work.py"}


def _bar(name: str, seen: dict[str, float], truth: dict[str, float], n: int) -> Bar:
    errors = {key: 100 * abs(seen.get(key, 0.0) - share) for key, share in truth.items() if share >= LEAST}
    detail = {"truth": truth, "seen": {key: round(value, 4) for key, value in seen.items()}}
    worst = max(errors.values()) if n >= SAMPLES else None
    title = f"{name}: largest error of a share of at least {LEAST:.0%}, {SAMPLES:,} samples or more"
    return Bar(f"2.{name}", title, worst, "<=", 5, "points", n, detail=detail)
