"""Run the workload in a fresh process per capture, and learn its true shares from a run that nobody watches."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from perflab.experiments.study import Study
from perflab.instrument.command import profile_command
from perflab.instrument.memray import Memray
from perflab.instrument.pyspy import PySpy
from perflab.instrument.scalene import Scalene
from perflab.instrument.table import ProfileTable

NAMES = ("__init__.py", "__main__.py", "work.py")


@dataclass(frozen=True)
class Program:
    """The workload, copied to a folder of its own so that it lies below no interpreter's prefix."""

    home: Path
    out: Path
    cores: tuple[int, ...]
    core: int

    @property
    def root(self) -> Path:
        """The folder whose functions count as own."""
        return self.home / "workload"

    def command(self, mode: str, *options: str) -> list[str]:
        """Return the command that runs it."""
        return [sys.executable, "-m", "workload", "--mode", mode, *options]

    def truth(self, mode: str, units: int = 1500) -> dict[str, float]:
        """Return the true share of CPU of each function, on the core that the captures use."""
        argv = ["taskset", "-c", str(self.core), *self.command(mode, "--truth", str(units))]
        done = subprocess.run(argv, cwd=self.home, capture_output=True, text=True, check=True, timeout=120)
        return {name: float(share) for name, share in json.loads(done.stdout).items()}

    def profiled(self, mode: str, instrument: PySpy | Scalene | Memray, seconds: float) -> ProfileTable:
        """Return the table of one fresh process; raises InstrumentFailure."""
        table, _ = profile_command(
            self.command(mode), instrument, self.root, self.out, window_s=seconds, cores=self.cores, cwd=self.home
        )
        return table


def program(study: Study) -> Program:
    """Copy the workload below the study's run."""
    home = study.run.folder("profiles").resolve() / "program"
    (home / "workload").mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        shutil.copyfile(Path(__file__).parent / "workload" / name, home / "workload" / name)
    out = home / "captures"
    out.mkdir(exist_ok=True)
    return Program(home, out, study.cores.others, study.cores.system[0])
