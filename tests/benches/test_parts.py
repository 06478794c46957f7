"""A family of bars keeps what it has measured, and says of a part that fails why it has no bar."""

from __future__ import annotations

import json
from concurrent.futures import Future
from threading import BrokenBarrierError
from types import SimpleNamespace

import numpy as np
import pytest

from perflab.benches.bar import Bar
from perflab.benches.parts import run_named
from perflab.benches.profiles.overhead import raise_first
from perflab.cli import bench
from perflab.errors import InstrumentFailure, SystemFailure


def good(value: object = 1.0) -> list[Bar]:
    return [Bar("g", "good", value, ">=", 1, "x", detail={"n": np.int64(3), 7: (np.float32(0.5), float("nan"))})]


def failing() -> list[Bar]:
    raise InstrumentFailure("P106", "no debugger")


def test_a_part_that_fails_is_a_bar_without_value_and_the_rest_goes_on():
    kept: list[int] = []
    bars = run_named({"leak": failing, "late": good}, set(), lambda _: None, lambda bars: kept.append(len(bars)))
    assert [(bar.id, bar.value, bar.holds) for bar in bars] == [("leak", None, False), ("g", 1.0, True)]
    assert "P106" in bars[0].detail["reason"] and "P106" in bars[0].line() and kept == [1, 2]


def test_the_file_holds_what_was_measured_before_an_interruption(tmp_path, monkeypatch):
    def interrupted() -> list[Bar]:
        raise KeyboardInterrupt

    def family(only, say, keep):
        return run_named({"one": lambda: good(np.int64(2)), "two": interrupted}, only, say, keep)

    monkeypatch.setattr(bench, "import_module", lambda _: SimpleNamespace(run=family))
    with pytest.raises(KeyboardInterrupt):
        bench.run_bench("stats", str(tmp_path / "bars.json"), "")
    (bar,) = json.loads((tmp_path / "bars.json").read_text(), parse_constant=pytest.fail)
    assert bar["value"] == 2 and bar["detail"] == {"n": 3, "7": [0.5, None]}


def test_the_twin_that_failed_is_named_not_those_that_waited_for_it():
    jobs: list[Future[None]] = [Future(), Future(), Future()]
    jobs[0].set_exception(BrokenBarrierError())
    jobs[1].set_result(None)
    jobs[2].set_exception(SystemFailure("twin-2 did not start"))
    with pytest.raises(SystemFailure, match="twin-2"):
        raise_first(jobs)
