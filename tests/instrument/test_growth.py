"""Does memory grow: the planted line and its rate on a living process, and what is told of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kettle_workload import gone

from perflab.errors import InstrumentFailure
from perflab.experiments.profile_tables import growth_rows, growth_words
from perflab.instrument.growth import watch_growth
from perflab.instrument.interface import Target
from perflab.instrument.leak import Growth
from perflab.instrument.ranking import Context, rank
from perflab.instrument.stacks import Place
from perflab.instrument.table import Health, Measure, ProfileTable, make_rows

LEAK = """
import time
kept = []
def note():
    kept.append(bytes(10_000))
def work():
    return len(bytes(50_000))
while True:
    note()
    work()
    time.sleep(0.01)
"""
GREW = Growth("work.py", "note", 5, 1e6, 0.95e6, 1.05e6, 3_000_000, 6_000_000, 400, "leak")


@pytest.mark.skipif(not (shutil.which("gdb") or shutil.which("lldb")), reason="memray attaches with a debugger")
def test_a_leak_of_a_living_process_is_named_with_its_rate(tmp_path: Path):
    (tmp_path / "work.py").write_text(LEAK)
    popen = subprocess.Popen([sys.executable, str(tmp_path / "work.py")], start_new_session=True)
    try:
        time.sleep(0.5)
        found = watch_growth(Target(tmp_path, pid=popen.pid), tmp_path, 1.0)
    finally:
        popen.kill()
        popen.wait()
    [leak] = [item for item in found if item.verdict == "leak"]
    assert (leak.file, leak.function, leak.line) == ("work.py", "note", 5)
    assert 0.3e6 < leak.rate < 1.1e6 and leak.low <= leak.rate <= leak.high  # at most 100 a second
    assert {path.name for path in tmp_path.glob("*.capture.json")} == {
        "memray-attach-t.capture.json", "memray-attach-2t.capture.json"}  # fmt: skip
    assert gone(popen.pid)


def test_without_a_debugger_it_says_so_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "work.py").write_text(LEAK)
    popen = subprocess.Popen([sys.executable, str(tmp_path / "work.py")], start_new_session=True)
    try:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InstrumentFailure, match="P106"):
            watch_growth(Target(tmp_path, pid=popen.pid), tmp_path, 1.0)
    finally:
        popen.kill()
        popen.wait()


def test_growth_is_told_as_a_leak_a_cache_or_not_known():
    assert growth_words((GREW,)) == "note (work.py, line 5) leaks 1000 KB per second [950, 1050]."
    cache = replace(GREW, verdict="cache", flags=("P306",))
    assert growth_words((cache,)).startswith("No place leaks 20 KB per second") and "1 filled up" in growth_words(
        (cache,)
    )
    assert growth_words((replace(GREW, flags=("P301",)),)).startswith("Cannot say")
    assert "not known" in growth_words(None)
    assert growth_rows((GREW, cache))[0]["grows (KB per s)"] == 1000.0


def test_a_leak_reaches_the_ranking():
    rows = make_rows({Place("work.py", "note", 5): 1.0}, Measure("pyspy", "gil", "samples", "samples"), "own", 1000)
    table = ProfileTable(tuple(rows), Health(n_samples=1000))
    assert rank([table], Context(growth=(GREW,))).rows[0].leak_bytes_per_s == 1e6
