"""A profiled command takes everything it started with it, whatever sessions its processes lead."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from perflab import lifeline
from perflab.instrument import proc
from perflab.instrument.child import started
from perflab.instrument.interface import Target

LEADER = """
import os, subprocess, sys, time
from pathlib import Path
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
if sys.argv[2] == "daemon":
    if os.fork():
        time.sleep(60 if sys.argv[3] == "stays" else 0.2)
        sys.exit()
    os.setsid()
popen = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True, stdout=subprocess.PIPE)
popen.stdout.readline()
Path(sys.argv[1] + ".part").write_text(str(popen.pid))
Path(sys.argv[1] + ".part").rename(sys.argv[1])
time.sleep(60 if sys.argv[3] == "stays" else 0)
"""


@pytest.mark.parametrize("kind", ["child", "daemon"])
@pytest.mark.parametrize("end", ["stays", "ends"])
def test_a_session_leader_of_the_command_ends_with_it(tmp_path: Path, kind: str, end: str) -> None:
    told = tmp_path / "pid"
    words = [sys.executable, "-c", LEADER, str(told), kind, end]
    before = dict(os.environ)
    with started(Target(tmp_path, log_path=tmp_path / "log"), words, before):
        deadline = time.monotonic() + 10
        while not told.is_file() and time.monotonic() < deadline:
            time.sleep(0.02)
        leader = int(told.read_text())
        assert proc.alive(leader)
    assert not proc.alive(leader)
    assert dict(os.environ) == before


def test_what_others_started_lives_on(tmp_path: Path) -> None:
    outer = Target(tmp_path, log_path=tmp_path / "outer")
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    with started(outer, sleep, dict(os.environ)) as running:
        with started(Target(tmp_path, log_path=tmp_path / "inner"), sleep, dict(os.environ)) as inner:
            assert proc.alive(inner.pid)
        assert not proc.alive(inner.pid) and proc.alive(running.pid)


SLOW_TO_END = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.4), sys.exit())); " \
              "print(1, flush=True); time.sleep(60)"  # fmt: skip


def test_what_is_ending_and_has_no_environment_any_more_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", SLOW_TO_END], stdout=subprocess.PIPE) as popen:
        assert popen.stdout is not None and popen.stdout.readline()
        seen = iter([[psutil.Process(popen.pid)]] * 2)  # found, and told to end; from then on its mark is gone
        monkeypatch.setattr(lifeline, "marked", lambda *_: next(seen, []))
        assert lifeline.sweep("NAME", "1", 5.0) == 1
        assert not proc.alive(popen.pid)
