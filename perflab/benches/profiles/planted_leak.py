"""Bar 3: leaks on the live gateway: exact line, rate within 3 %, in at most 30 s; large and small objects."""

from __future__ import annotations

import ast
import time
from functools import partial
from pathlib import Path

from perflab.benches.bar import Bar
from perflab.benches.gateway import bench_study
from perflab.benches.parts import Say
from perflab.benches.profiles.live_gateway import Live, on_live_gateway
from perflab.experiments.effort import FULL
from perflab.experiments.profile import source_root
from perflab.instrument.growth import watch_growth
from perflab.instrument.leak import Growth

ORDER = 5
WINDOW_S = FULL.growth_window_s  # and then twice as long
NOTE = ("housekeeping.py", "Notes.note_turn", "append")  # the line that holds this name
WORD = ("upkeep.py", "Words.index_words", "bytes(WORD)")
CASES = (("leak=1000", 1_000_000.0, NOTE, False), ("leak=100", 100_000.0, NOTE, False),
         ("words=1000", 1_000_000.0, WORD, True))  # fmt: skip


def bars(say: Say) -> list[Bar]:
    """Measure the three doses, each on a gateway of its own."""
    study = bench_study()
    found: list[Bar] = []
    for plant, rate, (file, function, marker), small in CASES:
        say(f"  {plant} ...")
        seen: list[tuple[list[Growth], float]] = []
        on_live_gateway(study, plant, partial(_look, small=small, seen=seen), variant="optimised")
        growth, took = seen[0]
        line = line_of(source_root(study) / file, function.rpartition(".")[2], marker)
        found += _judge(plant, growth, (file, function, line), rate, took)
    return found


def _look(live: Live, small: bool, seen: list[tuple[list[Growth], float]]) -> None:
    seen.append(two_windows(live, small))


def two_windows(live: Live, small: bool = False, window_s: float = WINDOW_S) -> tuple[list[Growth], float]:
    """Look for growth as the product does; return what grew, and the seconds that all of it took."""
    began = time.monotonic()
    found = watch_growth(live.target, live.folder, window_s, small)
    return list(found), time.monotonic() - began


def line_of(path: Path, function: str, marker: str) -> int:
    """Return the line inside `function` that holds `marker`."""
    text = path.read_text(encoding="utf-8")
    node = next(n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef) and n.name == function)
    lines = text.splitlines()
    return next(at for at in range(node.lineno, (node.end_lineno or 0) + 1) if marker in lines[at - 1])


def _judge(plant: str, growth: list[Growth], place: tuple[str, str, int], rate: float, took: float) -> list[Bar]:
    mine = [g for g in growth if (g.file, g.function, g.line) == place and g.verdict == "leak"]
    others = [g for g in growth if g.verdict == "leak" and g not in mine]
    seen = sum(g.rate for g in mine)
    detail = {"growth": [f"{g.file}:{g.function}:{g.line} {g.verdict} {g.rate / 1e3:.1f} kB/s" for g in growth[:8]]}
    error = 100 * abs(seen - rate) / rate if mine else None
    return [
        Bar(f"3.{plant}.line", f"{plant}: named at its file and line {place[2]}", len(mine), "==", 1, "places",
            detail=detail),
        Bar(f"3.{plant}.rate", f"{plant}: error of its rate", error, "<=", 3, "%", detail={"bytes_per_s": seen}),
        Bar(f"3.{plant}.time", f"{plant}: until it was named", took, "<=", 30, "s"),
        Bar(f"3.{plant}.false", f"{plant}: other places called a leak", len(others), "<=", 0, "places"),
    ]  # fmt: skip
