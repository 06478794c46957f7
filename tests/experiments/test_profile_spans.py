"""Which units of work belong to which bytes and CPU of a profile: spans, start-up, and what memory is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from perflab.experiments.bottlenecks import of_command
from perflab.experiments.profile import ProfilePass, _count_units, _watched
from perflab.experiments.profile_tables import memory_rows
from perflab.experiments.units_of_work import Window
from perflab.instrument.interface import Capture, load_capture
from perflab.instrument.memray import Memray
from perflab.instrument.source_tree import MODULE
from perflab.instrument.stacks import LIBRARY, LOOP, Place
from perflab.instrument.table import Health, Measure, ProfileTable, make_rows

NS = 1_000_000_000


def units(every_s: float, from_s: float, to_s: float) -> pd.DataFrame:
    """Units of work one after another, each as long as the pause between them."""
    count = round((to_s - from_s) / every_s)
    start = [round((from_s + i * every_s) * NS) for i in range(count)]
    rows = pd.DataFrame({"kind": "call", "outcome": "ok", "intended_ns": start, "start_ns": start})
    return rows.assign(end_ns=rows["start_ns"] + round(every_s * NS))


def memory(sums: dict[Place, float]) -> ProfileTable:
    rows = make_rows(sums, Measure("memray", "alloc", "bytes", "bytes"), "own", 10)
    return ProfileTable(tuple(rows), Health(10))


def launched(folder: Path, window_s: float, started_s: float) -> Capture:
    (folder / "memray-launch.bin").write_bytes(b"bytes")
    return Capture("memray", "launch", folder, {"bin": "memray-launch.bin"}, window_s=window_s,
                   started_ns=round(started_s * NS), settings={"mode": "launch"})  # fmt: skip


def test_bytes_since_the_start_are_divided_by_the_units_since_the_start(tmp_path: Path):
    # tracked from 100 s, GO at 103 s, held for the window from 107 to 113 s: ten units a second since GO
    capture = launched(tmp_path, 13.0, 107.0)
    trial = SimpleNamespace(units=units(0.1, 103, 120), facts=SimpleNamespace(go_ns=103 * NS))
    done = ProfilePass("memray-launch", trial=trial, watched={"memray-launch": _watched(capture, 6.0)},
                       captures={"memray-launch": (capture, memory({Place("a.py", "f", 1): 1e6}))})  # fmt: skip
    assert done.watched["memray-launch"] == Window(107 * NS, 113 * NS)
    _count_units(SimpleNamespace(system=SimpleNamespace(load=SimpleNamespace(unit_kind="call"))), done)
    kept = load_capture(tmp_path / "memray-launch.capture.json")
    assert (kept.window_s, kept.work_units, kept.unit) == (13.0, pytest.approx(100, abs=0.1), "call")


def test_py_spy_watched_from_its_start_not_from_its_preflight(tmp_path: Path):
    capture = Capture("pyspy", "gil", tmp_path, {}, window_s=6.25, started_ns=50 * NS)
    assert _watched(capture, 6.0) == Window(50 * NS, round(56.25 * NS))


def test_memory_is_told_of_libraries_and_own_functions_and_start_up_apart(tmp_path: Path):
    table = memory({Place("a.py", MODULE, 1): 90e6, Place(LIBRARY, "websockets", 0): 50e6, Place("a.py", "f", 2): 2e6,
                    Place(LIBRARY, MODULE, 0): 10e6, Place(LIBRARY, LOOP, 0): 5e6})  # fmt: skip
    seen = [(launched(tmp_path, 13.0, 107.0), table)]
    rows = [(row["where"], row["allocated (MB)"]) for row in memory_rows(seen)]
    assert rows == [("Inside websockets, entered by no own function", 50.0), ("f (a.py)", 2.0)]
    said = of_command(seen, [], tmp_path, []).memory_sentence()
    assert said.startswith("57.0 MB were allocated") and "55.0 MB of it (96 %) in no own function" in said
    assert "most inside websockets (50.0 MB)" in said and "Imports allocated 100.0 MB" in said
    assert "of the own functions f (a.py) allocated most, 2.0 MB (4 %)" in said


def test_a_system_without_libraries_is_told_its_own_functions_alone(tmp_path: Path):
    table = memory({Place("a.py", "f", 2): 3e6, Place("a.py", "g", 9): 1e6})
    said = of_command([(launched(tmp_path, 13.0, 107.0), table)], [], tmp_path, []).memory_sentence()
    assert "f (a.py) allocated most, 3.0 MB (75 %)" in said and "no own function" not in said
    assert "No allocation was captured" in of_command([], [], tmp_path, []).memory_sentence()


def test_what_an_import_allocates_is_start_up_whoever_imports(tmp_path: Path):
    (tmp_path / "late.py").write_text("TABLE = bytes(3_000_000)\n")
    (tmp_path / "work.py").write_text(
        "def serve():\n    import late\n    return bytes(2_000_000), late\n\n\nkept = serve()\n"
    )
    words = [sys.executable, "-m", "memray", "run", "-q", "-f", "-o", "memray-launch.bin", str(tmp_path / "work.py")]
    subprocess.run(words, cwd=tmp_path, check=True, timeout=60)
    capture = Capture("memray", "launch", tmp_path, {"bin": "memray-launch.bin"}, window_s=1.0)
    table = Memray().parse(capture, tmp_path)
    sizes = {}
    for row in table.select(view="alloc", attribution="own", metric="bytes"):
        sizes[row.file, row.function] = sizes.get((row.file, row.function), 0) + row.value
    assert 2_000_000 <= sizes["work.py", "serve"] < 2_100_000
    assert sizes["late.py", MODULE] >= 3_000_000
