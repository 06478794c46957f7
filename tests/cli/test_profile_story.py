"""The page of a profile, told from tables with known answers; and which argument of the command is a system."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from perflab.cli.app import main
from perflab.cli.profile import _print_series
from perflab.cli.profile_story import write_story
from perflab.experiments.bottlenecks import of_command
from perflab.instrument.interface import Capture
from perflab.instrument.ranking import rank
from perflab.instrument.series import Series, Subject
from perflab.instrument.stacks import Place
from perflab.instrument.table import Health, Measure, ProfileTable, make_rows
from perflab.report.audit import audit_page

HOSTILE = "<script>alert(1)</script>"


def table(sums: dict[Place, float], instrument: str, view: str, **health: float) -> ProfileTable:
    rows = make_rows(sums, Measure(instrument, view, "samples", "samples"), "own", 1000)
    return ProfileTable(tuple(rows), Health(n_samples=1000, **health))


def test_the_story_names_the_place_its_line_what_waits_and_who_is_believed(tmp_path: Path):
    (tmp_path / "work.py").write_text(f"def mix():\n    return '{HOSTILE}'\n")
    hot, nap = Place("work.py", "mix", 2), Place("work.py", "nap", 9)
    tables = [
        table({hot: 70, nap: 30}, "pyspy", "gil", cpu_s=1.0, window_s=10.0),
        table({hot: 80, nap: 20}, "scalene", "cpu"),
        table({nap: 60, hot: 40}, "pyspy", "wall", run_delay=0.5),
    ]
    found = of_command([], [("memray", f"P201: {HOSTILE}")], tmp_path, [])
    found = replace(found, ranking=rank(tables), tables=tuple(tables))
    page = write_story(found, tmp_path / "index.html", HOSTILE)
    assert audit_page(page, most_bytes=8_000_000) == []
    text = page.read_text()
    assert "mix (work.py, line 2) takes 75 %" in text and "return &#39;&lt;script&gt;" in text.replace(
        "&#x27;", "&#39;"
    )
    assert "Cannot say what waits: P301" in text and "Disqualified: pyspy wall" in text
    assert "pyspy-gil and scalene-cpu share 100 %" in text and HOSTILE not in text


def test_the_command_tells_what_part_of_the_cpu_is_in_no_places_share(capsys):
    seen = table({Place("work.py", "mix", 2): 10}, "pyspy", "gil", kernel_share=0.14)
    series = Series(Subject(("x",), Path(), Path()), "run", [(seen, Capture("pyspy", "gil", Path(), {}, 1.0))])
    _print_series(series, as_json=True)
    assert json.loads(capsys.readouterr().out)["kernel"] == pytest.approx(0.14)
    _print_series(series, as_json=False)
    told = capsys.readouterr().out
    assert "mix (work.py:2)" in told and "14 % of the CPU went into calls of the kernel" in told


def test_an_argument_that_is_a_toml_file_is_a_system(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["perflab", "profile", "none.toml"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and capsys.readouterr().err.startswith("perflab: none.toml: no such file")
