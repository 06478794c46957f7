"""The peak memory of a cell: one that comes and goes between two samples counts, and the next cell begins anew."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perflab.instrument.high_water import reset_high_water
from perflab.report.notebook import engine

CODE = """
import sys
for line in sys.stdin:
    b = b"x" * 200_000_000 if "big" in line else b""
    del b
    print("done", flush=True)
"""


def test_a_peak_between_two_samples_is_seen_and_forgotten_by_the_next_cell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "SAMPLE_S", 3600.0)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", CODE], stdin=pipe, stdout=pipe, text=True) as child:
        gauge = engine.KernelGauge(child.pid)
        if not reset_high_water(child.pid):
            pytest.skip("this machine does not let the high-water mark be reset")
        peaks = []
        for line in ("big\n", "small\n"):
            gauge.start()
            child.stdin.write(line)
            child.stdin.flush()
            child.stdout.readline()
            peaks.append(gauge.read()[1])
        gauge.close()
        child.stdin.close()
    assert peaks[0] > 200_000_000 > 100_000_000 > peaks[1]
